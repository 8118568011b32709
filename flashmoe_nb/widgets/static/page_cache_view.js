// widgets/src sha256 3d52dce5b2e6c512886e60d8222d1dd34d166951d6c6af636ffc0cfb82043f9c
function q(n,e){let t=document.createElement("canvas");t.className="fm-canvas",t.setAttribute("role","img"),t.setAttribute("aria-label",e),n.append(t);let r=t.getContext("2d"),[o,s]=[0,0];return{canvas:t,context:r,get width(){return o},get height(){return s},fit(a){let i=globalThis.devicePixelRatio||1,c=Math.max(200,Math.floor(n.clientWidth)),f=c!==o||a!==s||t.width!==Math.round(c*i);return f&&([o,s]=[c,a],t.width=Math.round(c*i),t.height=Math.round(a*i),t.style.width=`${c}px`,t.style.height=`${a}px`),r.setTransform(i,0,0,i,0,0),f}}}var B=class{canvas=document.createElement("canvas");context;image;constructor(){this.context=this.canvas.getContext("2d"),this.image=this.context.createImageData(1,1)}fill(e,t,r){(this.image.width!==e||this.image.height!==t)&&(this.canvas.width=e,this.canvas.height=t,this.image=this.context.createImageData(e,t));let o=new Uint32Array(this.image.data.buffer);for(let s=0;s<o.length;s++)o[s]=r(s);this.context.putImageData(this.image,0,0)}};var Se="440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",_e="00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";function ne(n){let e=n.split(" ").map(r=>Number.parseInt(r,16)),t=(r,o)=>r>>o&255;return Uint32Array.from({length:256},(r,o)=>{let s=o/255*(e.length-1),a=Math.min(Math.floor(s),e.length-2),i=c=>Math.round(t(e[a],c)*(a+1-s)+t(e[a+1],c)*(s-a));return I(i(16),i(8),i(0))})}function I(n,e,t,r=255){return(r<<24|t<<16|e<<8|n)>>>0}var it=ne(Se),R=ne(_e);function C(n,e){return n[Math.max(0,Math.min(255,Math.round(e*255)))]}function Y(n){return`rgb(${n&255} ${n>>8&255} ${n>>16&255})`}function re(n){let e=getComputedStyle(n),t=r=>e.getPropertyValue(r).trim();return{dark:n.closest(".fm-dark")!==null,text:t("--fm-text"),faint:t("--fm-faint"),line:t("--fm-line"),paper:t("--fm-paper"),accent:t("--fm-accent"),font:e.fontFamily}}function m(n,e,t={},...r){let o=document.createElement(n);e&&(o.className=e);for(let[s,a]of Object.entries(t))o.setAttribute(s,a);return o.append(...r),o}function k(n,e,t,r){let o=m("button","",{type:"button","data-name":n,title:t},e);return o.addEventListener("click",r),o}function w(n,e){n.textContent!==e&&(n.textContent=e)}function P(n){return n.toLocaleString("en")}function T(n){for(let[e,t]of[["TB",1e12],["GB",1e9],["MB",1e6],["kB",1e3]])if(n>=t)return`${Ee(n/t)} ${e}`;return`${n} B`}function L(n){return Number.isFinite(n)?`${(n*100).toFixed(1)} %`:"unknown"}function Ee(n){return n.toPrecision(3)}function oe(n,e){let t=-1,r=k("evict_layer","","Drop this layer's experts from the page cache",()=>e("evict",{layer:t})),o=k("evict_all","Evict all …","Drop every expert from the page cache; asks first",()=>{l.hidden=!1,c.focus()}),s=k("warm_layer","","Read this layer's experts into the page cache",()=>e("warm",{layer:t})),a=k("warm_all","Warm all","Read every expert into the page cache, as far as it fits",()=>e("warm")),i=m("span",""),c=k("evict_sure","Evict all","Drop every expert",()=>{l.hidden=!0,e("evict")}),f=k("evict_keep","Keep","Leave the page cache as it is",()=>{l.hidden=!0,o.focus()}),l=m("div","fm-row fm-banner",{role:"alertdialog","data-name":"question"},i,c,f);l.hidden=!0;let p=[r,o,s,a];return{buttons:p,question:l,draw(u,x,y){t=u;for(let h of[...p,c])h.disabled=y;for(let h of p)h.hidden=!x;x||(l.hidden=!0),w(r,`Evict layer ${u}`),w(s,`Warm layer ${u}`);let{expert_bytes:b,num_experts:_,sparse_layers:g}=n.facts,d=T(b*_*g.length);w(i,`Drop all experts (${d}) from the page cache? The next tokens read them from the SSD again.`)}}}async function se(n){let{width:e,height:t}=n.getBoundingClientRect();if(e<1||t<1)return null;let r=n.cloneNode(!0),[o,s]=[n.querySelectorAll("canvas"),r.querySelectorAll("canvas")];o.forEach((c,f)=>{let l=new Image;l.src=c.toDataURL(),l.setAttribute("style",`${c.getAttribute("style")};display:block`),s[f].replaceWith(l)}),Te(n,r),Ae(n,r);let a=new XMLSerializer().serializeToString(r),i=`<svg xmlns="http://www.w3.org/2000/svg" width="${e}" height="${t}"><foreignObject width="100%" height="100%">${a}</foreignObject></svg>`;try{return await Re(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(i)}`,e,t)}catch{return null}}function Te(n,e){let t=e.querySelectorAll("input");n.querySelectorAll("input").forEach((s,a)=>{t[a].setAttribute("value",s.value),t[a].toggleAttribute("checked",s.checked)});let r=e.querySelectorAll("textarea");n.querySelectorAll("textarea").forEach((s,a)=>{r[a].textContent=s.value});let o=e.querySelectorAll("select");n.querySelectorAll("select").forEach((s,a)=>{[...o[a].options].forEach((i,c)=>{i.toggleAttribute("selected",c===s.selectedIndex)})})}function Ae(n,e){let t=getComputedStyle(n);for(let r of["text","faint","line","paper","raised","accent","warn","error"])e.style.setProperty(`--fm-${r}`,t.getPropertyValue(`--fm-${r}`));e.style.font=t.font}async function Re(n,e,t){let r=new Image;r.src=n,await r.decode();let o=document.createElement("canvas");o.width=Math.round(e),o.height=Math.round(t),o.getContext("2d").drawImage(r,0,0);let s=await new Promise(a=>o.toBlob(a,"image/png"));return s?s.arrayBuffer():null}function ae(n,e,t){if(n.ctrlKey||n.metaKey||n.altKey)return!1;let r=n.target.closest("input, select, textarea")!==null;if(n.key==="Escape")e.select({layer:-1,expert:-1,token:-1,following:!0});else{if(r)return!1;if(n.key==="ArrowLeft"||n.key==="ArrowRight")Ce(e,n.key==="ArrowRight"?1:-1);else if(n.key==="ArrowUp"||n.key==="ArrowDown")Pe(e,n.key==="ArrowDown"?1:-1);else if(n.key===" "&&!n.target.closest("button"))t("toggle");else return!1}return!0}function Ce(n,e){let t=Math.max(0,Math.min(n.tokens-1,n.shownToken+e));n.tokens&&n.select({token:t,following:!1})}function Pe(n,e){let t=n.facts?.sparse_layers??[];if(t.length===0)return;let r=n.layerRow(n.selection.layer),o=r<0?e>0?0:t.length-1:Math.max(0,Math.min(t.length-1,r+e));n.select({layer:t[o],expert:-1})}var ie="fm-page",ce;function le(n){ce=n,queueMicrotask(()=>{ce===n&&Le(n)})}function Le(n){let e=document.getElementById(ie),t=document.getElementById(`${ie}-data`);if(!e||!t)return;let{traits:r,run:o}=JSON.parse(t.textContent??"{}"),s=n(),a=Ue({...r,run:$e(o)});s.initialize({model:a}),s.render({model:a,el:e})}function $e(n){return new DataView(Uint8Array.from(atob(n),e=>e.charCodeAt(0)).buffer)}function Ue(n){return{get:e=>n[e],set:(e,t)=>{n[e]=t},save_changes:()=>{},send:()=>{},on:()=>{},off:()=>{}}}var N=class{constructor(e,t,r=96e6){this.width=t;this.mostBytes=r;this.data=e}width;mostBytes;first=0;end=0;data;has(e){return e>=this.first&&e<this.end}at(e,t=0){return this.has(e)?this.data[(e-this.first)*this.width+t]:Number.NaN}rows(e,t=e+1){let r=Math.max(e,this.first)-this.first,o=Math.min(t,this.end)-this.first;return this.data.subarray(r*this.width,Math.max(r,o)*this.width)}append(e,t){let r=Math.max(0,this.end-e),o=this.width?t.length/this.width:0;e>this.end&&(this.first=this.end=e);let s=t.subarray(r*this.width);s.length!==0&&(this.reserve(s.length),this.data.set(s,(this.end-this.first)*this.width),this.end=e+o)}reserve(e){let t=(this.end-this.first)*this.width;if(t+e<=this.data.length)return;let r=this.data.subarray(0,t);if((t+e)*this.data.BYTES_PER_ELEMENT>this.mostBytes&&this.width>1){let o=Math.floor((this.end-this.first)/2);this.data=this.grown(r.subarray(o*this.width),e),this.first+=o}else this.data=this.grown(r,Math.max(e,t))}grown(e,t){let r=this.data.constructor,o=new r(e.length+t);return o.set(e),o}};var v=255,D=class{facts=null;place=null;tokens=0;reads=0;countsBefore=new Uint32Array(0);residency=new Uint8Array(0);selection={token:-1,layer:-1,expert:-1,following:!0};connected=!1;error="";received={messages:0,rows:0,snapshots:0};columns=new Map;listeners=new Set;handlers=new Map;kept=new Map;column(e){let t=this.columns.get(e);return t||(t=new N(new Float32Array(0),1),this.columns.set(e,t)),t}get routedFirst(){return this.column("expert_ids").first}get keptExperts(){return this.column("expert_ids").width/Math.max(1,this.facts?.sparse_layers.length??1)}get shownToken(){let{token:e,following:t}=this.selection;return t||e<0||e>=this.tokens?this.tokens-1:e}layerRow(e){return this.facts?this.facts.sparse_layers.indexOf(e):-1}text(e,t=e+1){let r=this.column("text_start").at(e),o=this.column("text_end").at(Math.min(t,this.tokens)-1);return Number.isNaN(r+o)?"":new TextDecoder().decode(this.column("text").rows(r,o))}readsOf(e){let t=this.column("pass_start").at(e),r=this.column("read_token");return[de(r,t),de(r,t+1)]}apply(e){let t=JSON.parse(e.metadata.place);if(t.run!==this.place?.run){if(!e.metadata.facts)return"gap";this.reset(JSON.parse(e.metadata.facts))}else if(t.token_row>this.tokens)return"gap";let r=e.tensors.get("token_id")?.shape[0]??0,o=t.complete!==this.place?.complete;this.place=t;let s=this.tokens;return(t.token_row+r>this.tokens||o||r===0)&&this.take(e,t,r),this.changed(),this.tokens>s||o?"applied":"nothing new"}setResidency(e,t){let r=this.layerRow(e);r<0||!this.facts||(this.residency.set(t,r*this.facts.num_experts),this.changed())}select(e){let t={...this.selection,...e};Object.keys(t).every(o=>t[o]===this.selection[o])||(Object.assign(this.selection,e),this.changed())}onChange(e){return this.listeners.add(e),()=>this.listeners.delete(e)}changed(){for(let e of this.listeners)e()}onPart(e,t){let r=this.handlers.get(e)??new Set;this.handlers.set(e,r.add(t));let o=this.kept.get(e);return o&&t(o,[]),()=>r.delete(t)}keeps(e){return this.kept.has(e)}keep(e){this.kept.set(e.kind,e),this.hand(e,[])}hand(e,t){for(let r of this.handlers.get(e.kind)??[])r(e,t);this.changed()}reset(e){let t=e.sparse_layers.length*e.num_experts;this.facts=e,this.place=null,this.tokens=this.reads=0,this.columns=new Map,this.countsBefore=new Uint32Array(t),this.residency=new Uint8Array(t).fill(v),this.error=""}take(e,t,r){let o=e.tensors.get("counts_before");o&&t.routed_row>this.column("expert_ids").end&&this.countsBefore.set(o.values);for(let[s,a]of e.tensors)s!=="counts_before"&&(this.column(s).end===0&&this.columns.set(s,De(a)),this.put(s,Ne(s,t),a.values));this.tokens=Math.max(this.tokens,t.token_row+r),this.reads=this.column("read_token").end}put(e,t,r){let o=this.column(e);if(e!=="expert_ids"){o.append(t,r);return}let[s,a]=[o.first,o.rows(o.first,o.end)];o.append(t,r),o.first>s&&o.first<t&&this.count(a.subarray(0,(o.first-s)*o.width))}count(e){let{num_experts:t,sparse_layers:r}=this.facts;for(let o=0;o<e.length;o++){let s=Math.floor(o/this.keptExperts)%r.length;e[o]<t&&this.countsBefore[s*t+e[o]]++}}},Oe=new Set(["expert_ids","routing_weights","router_entropy","kept_mass","router_margin"]);function Ne(n,e){return n==="text"?e.text_byte:n.startsWith("read_")?e.read_row:n.startsWith("patch_")?e.patch_row:Oe.has(n)||n.startsWith("layer_")?e.routed_row:e.token_row}function De(n){let e=n.shape.slice(1).reduce((t,r)=>t*r,1);return new N(n.values.slice(0,0),e)}function de(n,e){let[t,r]=[n.first,n.end];for(;t<r;){let o=t+r>>1;n.at(o)<e?t=o+1:r=o}return t}var ue=`.fm-root {
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
`;var fe={F64:Float64Array,F32:Float32Array,I32:Int32Array,I16:Int16Array,U32:Uint32Array,U16:Uint16Array,U8:Uint8Array};function K(n){let e=Number(n.getBigUint64(0,!0)),t=new TextDecoder().decode(new Uint8Array(n.buffer,n.byteOffset+8,e)),r=JSON.parse(t),o=r.__metadata__??{},s=n.byteOffset+8+e,a=new Map;for(let[i,{dtype:c,shape:f,data_offsets:l}]of Object.entries(r)){if(i==="__metadata__")continue;let p=fe[c];if(!p)throw new Error(`array "${i}" has the type ${c}, expected one of ${Object.keys(fe).join(", ")}`);let u=new p(n.buffer.slice(s+l[0],s+l[1]));a.set(i,{shape:f,values:u})}return{metadata:o,tensors:a}}var G=["token","layer","expert","following"],V=class{constructor(e,t){this.model=e;this.store=t;e.on("msg:custom",(r,o)=>this.receive(r,o)),e.on("change:run",()=>this.load()),e.on("change:state",()=>this.kept());for(let r of G)e.on(`change:${r}`,()=>this.selected([r]));e.on("comm_live_update",()=>this.gone()),this.load(),this.kept(),this.selected(G),t.onChange(()=>this.publish()),this.ask()}model;store;painted={token:-1,frames:0,latencies:[]};asked=!1;seq=0;toldPainted=-1;send=(e,t={})=>{this.tell({kind:"command",name:e,args:t})};picture(e){this.tell({kind:"picture"},[e])}tell(e,t=[]){if(this.store.connected)try{this.model.send(e,void 0,t)}catch{this.gone()}}receive(e,t){if(e?.parts===void 0)return;this.store.connected=!0;let r=0;for(let o of e.parts){let s=t.slice(r,r+o.n_buffers);r+=o.n_buffers,o.kind==="rows"?this.rows(s[0]):o.kind==="residency"?this.store.setResidency(o.layer,He(s[0])):this.other(o,s)}this.store.received.messages++,this.seq=e.seq,this.acknowledge()}settle(){this.painted.token!==this.toldPainted&&this.acknowledge()}acknowledge(){let{token:e,frames:t,latencies:r}=this.painted;this.toldPainted=e,this.tell({kind:"ack",seq:this.seq,painted:e,frames:t,latencies:r.splice(0)})}rows(e){let t=this.store.tokens;this.store.apply(K(e))==="gap"?this.ask():this.asked=!1,this.store.received.rows+=Math.max(0,this.store.tokens-t)}other(e,t){e.kind==="hello"&&(this.asked=!1),e.kind==="error"&&(this.store.error=String(e.text)),this.store.hand(e,t)}load(){let e=this.model.get("run");!e||e.byteLength===0||this.store.apply(K(e))==="applied"&&this.store.received.snapshots++}kept(){for(let e of Object.values(this.model.get("state")??{}))this.store.keep(e)}ask(){this.asked||(this.asked=!0,this.model.send({kind:"snapshot?",run:this.store.place?.run??"",tokens:this.store.tokens}))}selected(e){let t=Object.fromEntries(e.map(r=>[r,this.model.get(r)]));this.store.select(t)}publish(){let{model:e,store:t}=this,r=G.filter(o=>e.get(o)!==t.selection[o]);for(let o of r)e.set(o,t.selection[o]);r.length&&e.save_changes()}gone(){this.store.connected=!1,this.store.changed()}};function He(n){return new Uint8Array(n.buffer,n.byteOffset,n.byteLength)}var Be=1500,Ie=150,je=navigator.hardwareConcurrency<=4?30:0;function me(n){let e=()=>{let t;return{initialize({model:r}){t=new V(r,new D)},render({model:r,el:o}){return t??=new V(r,new D),ze(n,o,t)}}};return le(e),e}function ze(n,e,t){let{store:r,send:o}=t,s=n.ready??(g=>g.facts!==null),a=We(n,s);e.append(a.root);let i=n.make(a.body,r,o),[c,f,l,p]=[0,0,0,0],u=()=>{c||=requestAnimationFrame(x)},x=g=>{if(c=0,g-f<je){u();return}a.show(r),s(r)&&i.draw(g)&&u(),Fe(t),f=g,p||=setTimeout(y,Ie),clearTimeout(l),l=setTimeout(b,Be)},y=()=>{p=0,a.status(t)},b=async()=>{if(t.settle(),!s(r)||!r.connected||document.hidden||f===0)return;let g=await se(a.root);g&&t.picture(g)},_=[r.onChange(u),Ge(a.root,u),Ke(a.root,u)];return a.root.addEventListener("keydown",g=>{ae(g,r,o)&&(g.preventDefault(),g.stopPropagation())}),u(),()=>{for(let g of _)g();cancelAnimationFrame(c),clearTimeout(l),clearTimeout(p),i.destroy(),a.root.remove()}}function Fe({store:n,painted:e}){e.frames++;let t=n.tokens-1;if(t===e.token)return;e.token=t;let r=Date.now()-(n.place.epoch_ms+n.column("end_ms").at(t));t>=0&&!n.place.complete&&e.latencies.length<100&&e.latencies.push(Math.round(r*10)/10)}function We(n,e){let t=m("style","",{},ue),r=m("span","fm-of"),o=m("div","fm-head",{},m("span","fm-name",{},n.name),r),s=m("div","fm-body"),a=m("div","fm-empty",{},"Nothing to show yet. ",m("code","",{},n.hint)),i=m("div","fm-error",{role:"alert"}),c=m("div","fm-status"),f=m("div","fm-root",{role:"group","aria-label":n.name,tabindex:"0"});return f.append(t,o,s,a,i,c),{root:f,body:s,show(l){s.hidden=!e(l),a.hidden=e(l),w(r,l.facts?qe(l):""),w(i,l.error),i.hidden=l.error===""},status({store:l,painted:p}){let{messages:u,rows:x,snapshots:y}=l.received;Object.assign(c.dataset,{tokens:l.tokens,painted:p.token,frames:p.frames}),Object.assign(c.dataset,{messages:u,rows:x,snapshots:y,connected:l.connected,shown:l.shownToken}),w(c,l.facts?Ye(l,p.token):"")}}}function qe(n){let e=n.place?.complete?"recorded":"recording";return`${n.facts.label} · ${e} · ${n.facts.machine}`}function Ye(n,e){let{messages:t,rows:r}=n.received,o=`${P(n.tokens)} tokens, ${P(n.reads)} reads, newest painted: ${e<0?"none":e}`,s=t>1&&r>0?` · ${P(r)} live in ${P(t)} messages`:"",a=n.routedFirst,i=a>0?` · routing from token ${P(a)} on (${L(1-a/n.tokens)})`:"",c=t===0?"":" · no kernel: what it sent last";return o+s+i+(n.connected?"":c)}function Ke(n,e){let t=new ResizeObserver(e);return t.observe(n),()=>t.disconnect()}function Ge(n,e){let t=matchMedia("(prefers-color-scheme: dark)"),r=()=>{let s=getComputedStyle(n).getPropertyValue("--jp-ui-font-color1")!=="";n.classList.toggle("fm-plain",!s),n.classList.toggle("fm-dark",s?Xe(n):t.matches),e()},o=new MutationObserver(r);return o.observe(document.body,{attributes:!0}),t.addEventListener("change",r),requestAnimationFrame(r),()=>{o.disconnect(),t.removeEventListener("change",r)}}function Xe(n){let[e,t,r]=(getComputedStyle(n).backgroundColor.match(/[\d.]+/g)??["255","255","255"]).map(Number);return .299*e+.587*t+.114*r<128}var pe=`.fm-legend {
  gap: 2px 14px;
  font-size: 11px;
}
.fm-banner {
  border-left: 3px solid var(--fm-warn);
  padding: 4px 8px;
  background: var(--fm-raised);
}
.fm-banner button {
  background: var(--fm-paper);
}
.fm-ramp {
  display: inline-block;
  width: 72px;
  height: 9px;
  margin: 0 2px;
}
.fm-box {
  display: inline-block;
  width: 10px;
  height: 10px;
  margin-right: 4px;
  vertical-align: -1px;
}
.fm-box-unknown {
  background: var(--fm-line);
}
.fm-box-routed {
  border: 1.5px solid #d55e00;
}
`;var M=254;function he(n){let e=n.facts,t=new Uint8Array(e.sparse_layers.length*e.num_experts).fill(v);if(!e.residency_per_expert)return{shares:t,swept:!1};let[,r]=n.readsOf(n.shownToken),[o,s]=[n.column("read_layer"),n.column("read_expert")],a=n.column("read_resident_fraction_before");for(let i=o.first;i<r;i++){let c=a.at(i),f=n.layerRow(o.at(i));f>=0&&!Number.isNaN(c)&&(t[f*e.num_experts+s.at(i)]=Qe(c))}return{shares:t,swept:!1}}function Qe(n){return n<=0?0:n>=1?M:Math.max(1,Math.min(M-1,Math.round(n*M)))}function j(n,e){let t=0;for(let r of n)r!==v&&(t+=r);return Math.round(t/M*e)}function X(n){let e=0;for(let t of n)e+=t===v?0:1;return e}function ge(n){return n===v?"unknown":n===0?"not resident":n===M?"resident":`${L(n/M)} of its pages resident`}var S=46,xe=54,we="#D55E00";function J(n,e,t,r=6){return{rows:n,experts:e,rowHeight:r,cell:Math.max(1,t-S-xe)/e}}function Q(n,e,t){let[r,o]=[Math.floor((t-2)/n.rowHeight),Math.floor((e-S)/n.cell)],s=r>=0&&r<n.rows;return[s?r:-1,s&&o>=0&&o<n.experts?o:-1]}function ve(n,e,t,r,o,s,a){let{context:i,width:c,height:f}=n,{rowHeight:l,cell:p,experts:u}=r;i.clearRect(0,0,c,f),i.imageSmoothingEnabled=!1,i.font=`11px ${e.font}`,i.textBaseline="middle",t.facts.sparse_layers.forEach((x,y)=>{let b=2+y*l,_=l>9?2:.5;i.drawImage(o,0,y,u,1,S,b,p*u,l-_),i.fillStyle=x===t.selection.layer?e.accent:e.faint,(l>=12||y%4===0)&&(i.textAlign="left",i.fillText(`L${x}`,4,b+l/2),i.textAlign="right",i.fillText(Ze(s.subarray(y*u,(y+1)*u)),c-4,b+l/2)),x===t.selection.layer&&ye(i,e.accent,S-1,b-1,p*u+2,l);for(let g of a(y))ye(i,we,S+g*p,b,Math.max(2,p),l-_)})}function ye(n,e,t,r,o,s){n.strokeStyle=e,n.lineWidth=1,n.strokeRect(t,r+.5,o,s-1)}function Ze(n){let e=n.filter(t=>t!==v);return e.length===0?"?":`${(e.reduce((t,r)=>t+r,0)/e.length/M*100).toFixed(0)} %`}function z(n,e){let t=Math.max(1,e-S-xe),r=Math.min(22,Math.max(8,Math.floor(t/Math.ceil(n/12)))),o=Math.max(1,Math.floor(t/r));return{columns:o,size:r,height:Math.ceil(n/o)*r+2,experts:n}}function Z(n,e,t){let r=Math.floor((e-S)/n.size),o=Math.floor(t/n.size)*n.columns+r;return r>=0&&r<n.columns&&o>=0&&o<n.experts?o:-1}function ke(n,e,t,r,o,s){let{context:a,width:i,height:c}=n,f=t.size-2;a.clearRect(0,0,i,c),r.forEach((l,p)=>{let u=S+p%t.columns*t.size,x=Math.floor(p/t.columns)*t.size+1;if(a.fillStyle=l===v?e.line:Y(C(R,0)),a.fillRect(u,x,f,f),l!==v&&l>0){let y=l/M*f;a.fillStyle=Y(C(R,1)),a.fillRect(u,x+f-y,f,y)}}),a.lineWidth=Math.min(2,f/4);for(let l of o)be(a,t,l,we);s>=0&&s<t.experts&&be(a,t,s,e.accent)}function be(n,e,t,r){n.strokeStyle=r;let o=S+t%e.columns*e.size,s=Math.floor(t/e.columns)*e.size+1;n.strokeRect(o-.5,s-.5,e.size-1,e.size-1)}var et=(n,e,t)=>{let r={state:"none",text:""},o=k("sweep","Pause","Stop asking the system, or go on",()=>t(r.state==="paused"?"resume":"pause")),s=oe(e,t),a=m("div","fm-says",{"data-name":"says"}),i=m("div","fm-says",{"data-name":"detail"}),c=m("div","fm-tip");c.hidden=!0;let[f,l]=[m("div",""),m("div","")];n.append(m("style","",{},pe),m("div","fm-row",{},...s.buttons,o),s.question),n.append(a,f,i,l,ot(),c);let p=q(f,"Share of every expert that the page cache holds, a row for each layer"),u=q(l,"The experts of one layer, filled as far as they are resident"),x=new B,y=J(0,1,1),b={shares:e.residency,swept:!0},_=[e.onPart("sweep",d=>{r=d}),e.onPart("residency_seen",d=>{e.connected||tt(e,d.layers)})];p.canvas.addEventListener("click",d=>{let[h,E]=Q(y,d.offsetX,d.offsetY);h>=0&&e.select({layer:e.facts.sparse_layers[h],expert:E})}),u.canvas.addEventListener("click",d=>{let h=Z(z(e.facts.num_experts,u.width),d.offsetX,d.offsetY);h>=0&&e.select({layer:$(e),expert:h})});let g=(d,h,E,U)=>{if(c.hidden=d<0||h<0,c.hidden)return;let O=e.facts.sparse_layers[d],A=b.shares[d*e.facts.num_experts+h],H=Me(e,d).has(h)?`
chosen for this token`:"";w(c,`layer ${O}, expert ${h}
${ge(A)}${H}`),c.style.left=`${Math.max(0,Math.min(E.offsetLeft+U.offsetX+14,n.clientWidth-190))}px`,c.style.top=`${E.offsetTop+U.offsetY+16}px`};p.canvas.addEventListener("pointermove",d=>{let[h,E]=Q(y,d.offsetX,d.offsetY);g(h,E,f,d)}),u.canvas.addEventListener("pointermove",d=>{let h=Z(z(e.facts.num_experts,u.width),d.offsetX,d.offsetY);g(e.layerRow($(e)),h,l,d)});for(let d of[p,u])d.canvas.addEventListener("pointerleave",()=>{c.hidden=!0});return{draw(){let d=e.facts,h=re(n),E=h.dark?I(58,58,58):I(224,224,224);b=X(e.residency)>0?{shares:e.residency,swept:!0}:he(e);let U=Math.max(6,Math.min(22,Math.floor(360/d.sparse_layers.length)));p.fit(d.sparse_layers.length*U+4),y=J(d.sparse_layers.length,d.num_experts,p.width,U),x.fill(d.num_experts,d.sparse_layers.length,W=>{let te=b.shares[W];return te===v?E:C(R,te/254)});let O=W=>Me(e,W);ve(p,h,e,y,x.canvas,b.shares,O);let A=e.layerRow($(e));u.fit(u.height);let H=z(d.num_experts,u.width);u.fit(H.height);let F=b.shares.subarray(A*d.num_experts,(A+1)*d.num_experts);ke(u,h,H,F,O(A),e.selection.expert);let ee=j(b.shares,d.expert_bytes);w(a,nt(e,b,ee,r)),Object.assign(a.dataset,{resident:ee,swept:X(e.residency),state:r.state}),w(i,rt($(e),F,d.expert_bytes,O(A).size)),Object.assign(i.dataset,{layer:$(e),resident:j(F,d.expert_bytes)}),o.hidden=r.state==="none"||!e.connected,w(o,r.state==="paused"?"Go on looking":"Pause looking"),s.draw($(e),r.state!=="none"&&e.connected,r.state==="busy")},destroy:()=>{for(let d of _)d()}}};function tt(n,e){for(let[t,r]of Object.entries(e))n.setResidency(Number(t),Uint8Array.from(atob(r),o=>o.charCodeAt(0)))}function $(n){let{layer:e}=n.selection;return n.layerRow(e)>=0?e:n.facts?.sparse_layers[0]??-1}function Me(n,e){let t=n.keptExperts;return new Set(n.column("expert_ids").rows(n.shownToken).subarray(e*t,(e+1)*t))}function nt(n,e,t,r){let o=n.facts;if(!o.residency_per_expert)return`Experts of ${T(o.expert_bytes)} share pages with their neighbours: what is resident of one cannot be told. Open a packed copy (“flashmoe pack”).`;let s=o.expert_bytes*e.shares.length;if(e.swept){let i=r.text?` · ${r.text}`:"";return`${T(t)} of ${T(s)} of experts are in the page cache (${L(t/s)})${i}`}let a=r.text||"no page cache is asked: attach a session to see it live.";return`As the reads up to token ${n.shownToken} found it: what they did not touch is unknown; ${a}`}function rt(n,e,t,r){let[o,s]=[e.filter(c=>c===254),e.filter(c=>c>0&&c<254)],a=e.filter(c=>c===v).length,i=a?`, ${a} unknown`:"";return`Layer ${n}: ${o.length} of ${e.length} experts resident, ${s.length} in part${i}, ${T(j(e,t))}; ${r} chosen for this token (outlined)`}function ot(){let n=m("i","fm-ramp"),e=Array.from({length:9},(r,o)=>`#${st(C(R,o/8))}`);n.style.background=`linear-gradient(90deg, ${e.join(", ")})`;let t=[m("span","fm-faint",{},"not resident ",n," resident"),m("span","fm-faint",{},m("i","fm-box fm-box-unknown"),"unknown"),m("span","fm-faint",{},m("i","fm-box fm-box-routed"),"chosen for this token")];return m("div","fm-row fm-legend",{},...t)}function st(n){return[n&255,n>>8&255,n>>16&255].map(t=>t.toString(16).padStart(2,"0")).join("")}var Jt=me({name:"PageCacheView",hint:"PageCacheView(session), or PageCacheView(fm.load_trace(path))",make:et});export{Jt as default,et as makePageCacheView};
