// widgets/src sha256 bde2dd9fb748e8dfaecf8931be377643ac5b088395c88809f52326dad3fc40fc
function C(n,e){let t=document.createElement("canvas");t.className="fm-canvas",t.setAttribute("role","img"),t.setAttribute("aria-label",e),n.append(t);let r=t.getContext("2d"),[o,s]=[0,0];return{canvas:t,context:r,get width(){return o},get height(){return s},fit(a){let i=globalThis.devicePixelRatio||1,c=Math.max(200,Math.floor(n.clientWidth)),l=c!==o||a!==s||t.width!==Math.round(c*i);return l&&([o,s]=[c,a],t.width=Math.round(c*i),t.height=Math.round(a*i),t.style.width=`${c}px`,t.style.height=`${a}px`),r.setTransform(i,0,0,i,0,0),l}}}var k=class{canvas=document.createElement("canvas");context;image;constructor(){this.context=this.canvas.getContext("2d"),this.image=this.context.createImageData(1,1)}fill(e,t,r){(this.image.width!==e||this.image.height!==t)&&(this.canvas.width=e,this.canvas.height=t,this.image=this.context.createImageData(e,t));let o=new Uint32Array(this.image.data.buffer);for(let s=0;s<o.length;s++)o[s]=r(s);this.context.putImageData(this.image,0,0)}};var W="440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",z="00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";function P(n){let e=n.split(" ").map(r=>Number.parseInt(r,16)),t=(r,o)=>r>>o&255;return Uint32Array.from({length:256},(r,o)=>{let s=o/255*(e.length-1),a=Math.min(Math.floor(s),e.length-2),i=c=>Math.round(t(e[a],c)*(a+1-s)+t(e[a+1],c)*(s-a));return K(i(16),i(8),i(0))})}function K(n,e,t,r=255){return(r<<24|t<<16|e<<8|n)>>>0}var S=P(W),ye=P(z);function L(n,e){return n[Math.max(0,Math.min(255,Math.round(e*255)))]}function $(n){return`rgb(${n&255} ${n>>8&255} ${n>>16&255})`}function O(n){let e=getComputedStyle(n),t=r=>e.getPropertyValue(r).trim();return{dark:n.closest(".fm-dark")!==null,text:t("--fm-text"),faint:t("--fm-faint"),line:t("--fm-line"),paper:t("--fm-paper"),accent:t("--fm-accent"),font:e.fontFamily}}function u(n,e,t={},...r){let o=document.createElement(n);e&&(o.className=e);for(let[s,a]of Object.entries(t))o.setAttribute(s,a);return o.append(...r),o}function y(n,e){n.textContent!==e&&(n.textContent=e)}async function V(n){let{width:e,height:t}=n.getBoundingClientRect();if(e<1||t<1)return null;let r=n.cloneNode(!0),[o,s]=[n.querySelectorAll("canvas"),r.querySelectorAll("canvas")];o.forEach((c,l)=>{let d=new Image;d.src=c.toDataURL(),d.setAttribute("style",`${c.getAttribute("style")};display:block`),s[l].replaceWith(d)}),q(n,r);let a=new XMLSerializer().serializeToString(r),i=`<svg xmlns="http://www.w3.org/2000/svg" width="${e}" height="${t}"><foreignObject width="100%" height="100%">${a}</foreignObject></svg>`;try{return await Y(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(i)}`,e,t)}catch{return null}}function q(n,e){let t=getComputedStyle(n);for(let r of["text","faint","line","paper","raised","accent","warn","error"])e.style.setProperty(`--fm-${r}`,t.getPropertyValue(`--fm-${r}`));e.style.font=t.font}async function Y(n,e,t){let r=new Image;r.src=n,await r.decode();let o=document.createElement("canvas");o.width=Math.round(e),o.height=Math.round(t),o.getContext("2d").drawImage(r,0,0);let s=await new Promise(a=>o.toBlob(a,"image/png"));return s?s.arrayBuffer():null}function b(n){return n.toLocaleString("en")}function U(n){return Number.isFinite(n)?`${(n*100).toFixed(1)} %`:"unknown"}function B(n,e,t){if(n.ctrlKey||n.metaKey||n.altKey)return!1;let r=n.target.closest("input, select, textarea")!==null;if(n.key==="Escape")e.select({layer:-1,expert:-1,token:-1,following:!0});else{if(r)return!1;if(n.key==="ArrowLeft"||n.key==="ArrowRight")J(e,n.key==="ArrowRight"?1:-1);else if(n.key==="ArrowUp"||n.key==="ArrowDown")X(e,n.key==="ArrowDown"?1:-1);else if(n.key===" "&&!n.target.closest("button"))t("toggle");else return!1}return!0}function J(n,e){let t=Math.max(0,Math.min(n.tokens-1,n.shownToken+e));n.tokens&&n.select({token:t,following:!1})}function X(n,e){let t=n.facts?.sparse_layers??[];if(t.length===0)return;let r=n.layerRow(n.selection.layer),o=r<0?e>0?0:t.length-1:Math.max(0,Math.min(t.length-1,r+e));n.select({layer:t[o],expert:-1})}var D="fm-page";function N(n){let e=document.getElementById(D),t=document.getElementById(`${D}-data`);if(!e||!t)return;let{traits:r,run:o}=JSON.parse(t.textContent??"{}"),s=n(),a=Q({...r,run:G(o)});s.initialize({model:a}),s.render({model:a,el:e})}function G(n){return new DataView(Uint8Array.from(atob(n),e=>e.charCodeAt(0)).buffer)}function Q(n){return{get:e=>n[e],set:(e,t)=>{n[e]=t},save_changes:()=>{},send:()=>{},on:()=>{},off:()=>{}}}var w=class{constructor(e,t,r=96e6){this.width=t;this.mostBytes=r;this.data=e}width;mostBytes;first=0;end=0;data;has(e){return e>=this.first&&e<this.end}at(e,t=0){return this.has(e)?this.data[(e-this.first)*this.width+t]:Number.NaN}rows(e,t=e+1){let r=Math.max(e,this.first)-this.first,o=Math.min(t,this.end)-this.first;return this.data.subarray(r*this.width,Math.max(r,o)*this.width)}append(e,t){let r=Math.max(0,this.end-e),o=this.width?t.length/this.width:0;e>this.end&&(this.first=this.end=e);let s=t.subarray(r*this.width);s.length!==0&&(this.reserve(s.length),this.data.set(s,(this.end-this.first)*this.width),this.end=e+o)}reserve(e){let t=(this.end-this.first)*this.width;if(t+e<=this.data.length)return;let r=this.data.subarray(0,t);if((t+e)*this.data.BYTES_PER_ELEMENT>this.mostBytes&&this.width>1){let o=Math.floor((this.end-this.first)/2);this.data=this.grown(r.subarray(o*this.width),e),this.first+=o}else this.data=this.grown(r,Math.max(e,t))}grown(e,t){let r=this.data.constructor,o=new r(e.length+t);return o.set(e),o}};var Z=255,x=class{facts=null;place=null;tokens=0;reads=0;countsBefore=new Uint32Array(0);residency=new Uint8Array(0);selection={token:-1,layer:-1,expert:-1,following:!0};connected=!1;error="";received={messages:0,rows:0,snapshots:0};columns=new Map;listeners=new Set;handlers=new Map;kept=new Map;column(e){let t=this.columns.get(e);return t||(t=new w(new Float32Array(0),1),this.columns.set(e,t)),t}get routedFirst(){return this.column("expert_ids").first}get keptExperts(){return this.column("expert_ids").width/Math.max(1,this.facts?.sparse_layers.length??1)}get shownToken(){let{token:e,following:t}=this.selection;return t||e<0||e>=this.tokens?this.tokens-1:e}layerRow(e){return this.facts?this.facts.sparse_layers.indexOf(e):-1}text(e,t=e+1){let r=this.column("text_start").at(e),o=this.column("text_end").at(Math.min(t,this.tokens)-1);return Number.isNaN(r+o)?"":new TextDecoder().decode(this.column("text").rows(r,o))}readsOf(e){let t=this.column("pass_start").at(e),r=this.column("read_token");return[F(r,t),F(r,t+1)]}apply(e){let t=JSON.parse(e.metadata.place);if(t.run!==this.place?.run){if(!e.metadata.facts)return"gap";this.reset(JSON.parse(e.metadata.facts))}else if(t.token_row>this.tokens)return"gap";let r=e.tensors.get("token_id")?.shape[0]??0,o=t.complete!==this.place?.complete;this.place=t;let s=this.tokens;return(t.token_row+r>this.tokens||o||r===0)&&this.take(e,t,r),this.changed(),this.tokens>s||o?"applied":"nothing new"}setResidency(e,t){let r=this.layerRow(e);r<0||!this.facts||(this.residency.set(t,r*this.facts.num_experts),this.changed())}select(e){let t={...this.selection,...e};Object.keys(t).every(o=>t[o]===this.selection[o])||(Object.assign(this.selection,e),this.changed())}onChange(e){return this.listeners.add(e),()=>this.listeners.delete(e)}changed(){for(let e of this.listeners)e()}onPart(e,t){let r=this.handlers.get(e)??new Set;this.handlers.set(e,r.add(t));let o=this.kept.get(e);return o&&t(o,[]),()=>r.delete(t)}keep(e){this.kept.set(e.kind,e),this.hand(e,[])}hand(e,t){for(let r of this.handlers.get(e.kind)??[])r(e,t);this.changed()}reset(e){let t=e.sparse_layers.length*e.num_experts;this.facts=e,this.place=null,this.tokens=this.reads=0,this.columns=new Map,this.countsBefore=new Uint32Array(t),this.residency=new Uint8Array(t).fill(Z),this.error=""}take(e,t,r){let o=e.tensors.get("counts_before");o&&t.routed_row>this.column("expert_ids").end&&this.countsBefore.set(o.values);for(let[s,a]of e.tensors)s!=="counts_before"&&(this.columns.has(s)||this.columns.set(s,ne(a)),this.put(s,te(s,t),a.values));this.tokens=Math.max(this.tokens,t.token_row+r),this.reads=this.column("read_token").end}put(e,t,r){let o=this.column(e);if(e!=="expert_ids"){o.append(t,r);return}let[s,a]=[o.first,o.rows(o.first,o.end)];o.append(t,r),o.first>s&&o.first<t&&this.count(a.subarray(0,(o.first-s)*o.width))}count(e){let{num_experts:t,sparse_layers:r}=this.facts;for(let o=0;o<e.length;o++){let s=Math.floor(o/this.keptExperts)%r.length;e[o]<t&&this.countsBefore[s*t+e[o]]++}}},ee=new Set(["expert_ids","routing_weights","router_entropy","kept_mass","router_margin"]);function te(n,e){return n==="text"?e.text_byte:n.startsWith("read_")?e.read_row:n.startsWith("patch_")?e.patch_row:ee.has(n)||n.startsWith("layer_")?e.routed_row:e.token_row}function ne(n){let e=n.shape.slice(1).reduce((t,r)=>t*r,1);return new w(n.values.slice(0,0),e)}function F(n,e){let[t,r]=[n.first,n.end];for(;t<r;){let o=t+r>>1;n.at(o)<e?t=o+1:r=o}return t}var I=`.fm-root {
  --fm-text: var(--jp-ui-font-color1, #1f1f1f);
  --fm-faint: var(--jp-ui-font-color2, #5f5f5f);
  --fm-line: var(--jp-border-color2, #d0d0d0);
  --fm-paper: var(--jp-layout-color0, #fff);
  --fm-raised: var(--jp-layout-color2, #f2f2f2);
  --fm-accent: var(--jp-brand-color1, #1976d2);
  --fm-warn: var(--jp-warn-color0, #b35900);
  --fm-error: var(--jp-error-color1, #c62828);
  color: var(--fm-text);
  background: var(--fm-paper);
  font: 12px / 1.45 var(--jp-ui-font-family, system-ui, sans-serif);
  font-variant-numeric: tabular-nums;
  position: relative;
  box-sizing: border-box;
  width: 100%;
  min-width: 0;
  padding: 6px 8px;
}
.fm-root.fm-plain.fm-dark {
  --fm-text: #e4e4e4;
  --fm-faint: #a8a8a8;
  --fm-line: #4a4a4a;
  --fm-paper: #111;
  --fm-raised: #262626;
  --fm-accent: #64b5f6;
  --fm-warn: #ffb74d;
  --fm-error: #ef9a9a;
}
.fm-root *,
.fm-root *::before {
  box-sizing: border-box;
}
.fm-root [hidden] {
  display: none;
}
.fm-head {
  display: flex;
  flex-wrap: wrap;
  align-items: baseline;
  gap: 2px 12px;
  margin-bottom: 4px;
}
.fm-name {
  font-weight: 600;
}
.fm-of,
.fm-says,
.fm-status,
.fm-faint {
  color: var(--fm-faint);
}
.fm-body {
  min-width: 0;
}
.fm-canvas {
  display: block;
  touch-action: none;
}
.fm-row {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 4px 8px;
  margin: 4px 0;
}
.fm-grow {
  flex: 1 1 160px;
  min-width: 0;
}
.fm-status {
  font-size: 11px;
  margin-top: 4px;
  display: flex;
  flex-wrap: wrap;
  gap: 0 12px;
}
.fm-error {
  color: var(--fm-error);
  white-space: pre-wrap;
}
.fm-empty {
  border: 1px dashed var(--fm-line);
  padding: 24px 16px;
  text-align: center;
  color: var(--fm-faint);
}
.fm-root code {
  font-family: var(--jp-code-font-family, ui-monospace, monospace);
  font-size: 12px;
}
.fm-root button,
.fm-root select,
.fm-root input[type="number"],
.fm-root input[type="text"],
.fm-root textarea {
  font: inherit;
  color: inherit;
  background: var(--fm-raised);
  border: 1px solid var(--fm-line);
  border-radius: 3px;
  padding: 2px 8px;
  min-height: 24px;
}
.fm-root button {
  cursor: pointer;
}
.fm-root button:disabled {
  opacity: 0.45;
  cursor: default;
}
.fm-root button[aria-pressed="true"],
.fm-root button[aria-checked="true"] {
  border-color: var(--fm-accent);
  box-shadow: inset 0 0 0 1px var(--fm-accent);
}
.fm-root :focus-visible {
  outline: 2px solid var(--fm-accent);
  outline-offset: 1px;
}
.fm-root input[type="range"] {
  accent-color: var(--fm-accent);
  margin: 0;
}
.fm-group {
  display: inline-flex;
}
.fm-group button {
  border-radius: 0;
  margin-left: -1px;
}
.fm-tip {
  position: absolute;
  z-index: 2;
  pointer-events: none;
  max-width: 320px;
  padding: 4px 8px;
  border: 1px solid var(--fm-line);
  border-radius: 3px;
  background: var(--fm-paper);
  box-shadow: 0 2px 6px rgb(0 0 0 / 25%);
  white-space: pre-line;
}
.fm-root table {
  border-collapse: collapse;
  font-size: 12px;
}
.fm-root th,
.fm-root td {
  padding: 1px 8px;
  text-align: right;
  border-bottom: 1px solid var(--fm-line);
}
`;var j={F64:Float64Array,F32:Float32Array,I32:Int32Array,I16:Int16Array,U32:Uint32Array,U16:Uint16Array,U8:Uint8Array};function T(n){let e=Number(n.getBigUint64(0,!0)),t=new TextDecoder().decode(new Uint8Array(n.buffer,n.byteOffset+8,e)),r=JSON.parse(t),o=r.__metadata__??{},s=n.byteOffset+8+e,a=new Map;for(let[i,{dtype:c,shape:l,data_offsets:d}]of Object.entries(r)){if(i==="__metadata__")continue;let h=j[c];if(!h)throw new Error(`array "${i}" has the type ${c}, expected one of ${Object.keys(j).join(", ")}`);let m=new h(n.buffer.slice(s+d[0],s+d[1]));a.set(i,{shape:l,values:m})}return{metadata:o,tensors:a}}var E=["token","layer","expert","following"],v=class{constructor(e,t){this.model=e;this.store=t;e.on("msg:custom",(r,o)=>this.receive(r,o)),e.on("change:run",()=>this.load()),e.on("change:state",()=>this.kept());for(let r of E)e.on(`change:${r}`,()=>this.selected());e.on("comm_live_update",()=>this.gone()),this.load(),this.kept(),this.selected(),t.onChange(()=>this.publish()),this.ask()}model;store;painted={token:-1,frames:0,latencies:[]};asked=!1;send=(e,t={})=>{this.store.connected&&this.model.send({kind:"command",name:e,args:t})};picture(e){this.store.connected&&this.model.send({kind:"picture"},void 0,[e])}receive(e,t){if(e?.parts===void 0)return;this.store.connected=!0;let r=0;for(let i of e.parts){let c=t.slice(r,r+i.n_buffers);r+=i.n_buffers,i.kind==="rows"?this.rows(c[0]):i.kind==="residency"?this.store.setResidency(i.layer,oe(c[0])):this.other(i,c)}this.store.received.messages++;let{token:o,frames:s,latencies:a}=this.painted;this.model.send({kind:"ack",seq:e.seq,painted:o,frames:s,latencies:a.splice(0)})}rows(e){let t=this.store.tokens;this.store.apply(T(e))==="gap"?this.ask():this.asked=!1,this.store.received.rows+=Math.max(0,this.store.tokens-t)}other(e,t){e.kind==="error"&&(this.store.error=String(e.text)),this.store.hand(e,t)}load(){let e=this.model.get("run");!e||e.byteLength===0||this.store.apply(T(e))==="applied"&&this.store.received.snapshots++}kept(){for(let e of Object.values(this.model.get("state")??{}))this.store.keep(e)}ask(){this.asked||(this.asked=!0,this.model.send({kind:"snapshot?",run:this.store.place?.run??"",tokens:this.store.tokens}))}selected(){let e=Object.fromEntries(E.map(t=>[t,this.model.get(t)]));this.store.select(e)}publish(){let{model:e,store:t}=this,r=E.filter(o=>e.get(o)!==t.selection[o]);for(let o of r)e.set(o,t.selection[o]);r.length&&e.save_changes()}gone(){this.store.connected=!1,this.store.changed()}};function oe(n){return new Uint8Array(n.buffer,n.byteOffset,n.byteLength)}var se=1500;function H(n){let e=()=>{let t;return{initialize({model:r}){t=new v(r,new x)},render({model:r,el:o}){return t??=new v(r,new x),ae(n,o,t)}}};return N(e),e}function ae(n,e,t){let{store:r,send:o}=t,s=ce(n);e.append(s.root);let a=n.make(s.body,r,o),[i,c,l]=[0,0,0],d=()=>{i||=requestAnimationFrame(h)},h=f=>{i=0,s.show(r),r.facts&&a.draw(f)&&d(),ie(t),c=f,s.status(t),clearTimeout(l),l=setTimeout(m,se)},m=async()=>{if(r.facts===null||!r.connected||document.hidden||c===0)return;let f=await V(s.root);f&&t.picture(f)},g=[r.onChange(d),ue(s.root,d),fe(s.root,d)];return s.root.addEventListener("keydown",f=>{B(f,r,o)&&(f.preventDefault(),f.stopPropagation())}),d(),()=>{for(let f of g)f();cancelAnimationFrame(i),clearTimeout(l),a.destroy(),s.root.remove()}}function ie({store:n,painted:e}){e.frames++;let t=n.tokens-1;if(t===e.token)return;e.token=t;let r=Date.now()-(n.place.epoch_ms+n.column("end_ms").at(t));!n.place.complete&&e.latencies.length<100&&e.latencies.push(Math.round(r*10)/10)}function ce(n){let e=u("style","",{},I),t=u("span","fm-of"),r=u("div","fm-head",{},u("span","fm-name",{},n.name),t),o=u("div","fm-body"),s=u("div","fm-empty",{},"Nothing to show yet. ",u("code","",{},n.hint)),a=u("div","fm-error",{role:"alert"}),i=u("div","fm-status"),c=u("div","fm-root",{role:"group","aria-label":n.name,tabindex:"0"});return c.append(e,r,o,s,a,i),{root:c,body:o,show(l){o.hidden=l.facts===null,s.hidden=l.facts!==null,y(t,l.facts?le(l):""),y(a,l.error),a.hidden=l.error===""},status({store:l,painted:d}){let{messages:h,rows:m,snapshots:g}=l.received;Object.assign(i.dataset,{tokens:l.tokens,painted:d.token,frames:d.frames}),Object.assign(i.dataset,{messages:h,rows:m,snapshots:g,connected:l.connected,shown:l.shownToken}),y(i,l.facts?de(l,d.token):"")}}}function le(n){let e=n.place?.complete?"recorded":"recording";return`${n.facts.label} · ${e} · ${n.facts.machine}`}function de(n,e){let{messages:t,rows:r}=n.received,o=`${b(n.tokens)} tokens, ${b(n.reads)} reads, newest painted: ${e<0?"none":e}`,s=t>1&&r>0?` · ${b(r)} live in ${b(t)} messages`:"",a=n.routedFirst,i=a>0?` · routing from token ${b(a)} on (${U(1-a/n.tokens)})`:"";return o+s+i+(n.connected?"":" · no kernel: what it sent last")}function fe(n,e){let t=new ResizeObserver(e);return t.observe(n),()=>t.disconnect()}function ue(n,e){let t=matchMedia("(prefers-color-scheme: dark)"),r=()=>{let s=getComputedStyle(n).getPropertyValue("--jp-ui-font-color1")!=="";n.classList.toggle("fm-plain",!s),n.classList.toggle("fm-dark",s?me(n):t.matches),e()},o=new MutationObserver(r);return o.observe(document.body,{attributes:!0}),t.addEventListener("change",r),requestAnimationFrame(r),()=>{o.disconnect(),t.removeEventListener("change",r)}}function me(n){let[e,t,r]=(getComputedStyle(n).backgroundColor.match(/[\d.]+/g)??["255","255","255"]).map(Number);return .299*e+.587*t+.114*r<128}var M=34,pe=(n,e)=>{let t=C(n,"experts chosen, a row for each layer"),r=u("div","fm-says",{"aria-live":"off"}),o=new k;return n.append(r),{draw(){let{sparse_layers:s,num_experts:a}=e.facts,i=Math.max(6,Math.min(24,Math.floor(480/s.length)));t.fit(i*s.length);let{context:c,width:l,height:d}=t,h=e.keptExperts,m=O(n),g=e.shownToken,f=he(e,g);o.fill(a,s.length,p=>L(S,f[p])),c.fillStyle=m.paper,c.fillRect(0,0,l,d),c.imageSmoothingEnabled=!1,c.drawImage(o.canvas,M,0,l-M,d);let _=e.column("expert_ids").rows(g),A=(l-M)/a;c.fillStyle=$(S[255]);for(let p=0;p<_.length;p++)_[p]>=a||c.fillRect(M+_[p]*A-1,Math.floor(p/h)*i,Math.max(3,A),i-1);c.fillStyle=m.text,c.font=`11px ${m.font}`,c.textBaseline="middle",s.forEach((p,R)=>{(i>=12||R%4===0)&&c.fillText(String(p),4,(R+.5)*i)}),y(r,`token ${g}: ${e.text(g)}`)},destroy:()=>{}}};function he(n,e){let{sparse_layers:t,num_experts:r}=n.facts,o=new Float32Array(t.length*r),s=n.keptExperts,a=n.column("expert_ids");for(let i=Math.max(a.first,e-24);i<=e;i++){let c=a.rows(i);for(let l=0;l<c.length;l++)c[l]<r&&(o[Math.floor(l/s)*r+c[l]]+=.8**(e-i))}return o}var We=H({name:"RouterView",hint:"view.attach(session), or view.attach(fm.load_trace(path))",make:pe});export{We as default};
