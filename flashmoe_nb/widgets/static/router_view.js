// widgets/src sha256 171bc1e741e461070be75fbbef21f9cd993898aa33d82d7d55953a395218ad28
var we="440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",be="00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";function Q(r){let e=r.split(" ").map(n=>Number.parseInt(n,16)),t=(n,o)=>n>>o&255;return Uint32Array.from({length:256},(n,o)=>{let s=o/255*(e.length-1),i=Math.min(Math.floor(s),e.length-2),l=a=>Math.round(t(e[i],a)*(i+1-s)+t(e[i+1],a)*(s-i));return P(l(16),l(8),l(0))})}function P(r,e,t,n=255){return(n<<24|t<<16|e<<8|r)>>>0}var _=Q(we),k=Q(be);function T(r,e){return r[Math.max(0,Math.min(255,Math.round(e*255)))]}function v(r){return`rgb(${r&255} ${r>>8&255} ${r>>16&255})`}var w={cache:"#009E73",partly:"#CC79A7",ssd:"#E69F00",unknown:"#999999",mark:"#0072B2"};function O(r){let e=getComputedStyle(r),t=n=>e.getPropertyValue(n).trim();return{dark:r.closest(".fm-dark")!==null,text:t("--fm-text"),faint:t("--fm-faint"),line:t("--fm-line"),paper:t("--fm-paper"),accent:t("--fm-accent"),font:e.fontFamily}}function p(r,e,t={},...n){let o=document.createElement(r);e&&(o.className=e);for(let[s,i]of Object.entries(t))o.setAttribute(s,i);return o.append(...n),o}function M(r,e,t,n){let o=p("button","",{type:"button","data-name":r,title:t},e);return o.addEventListener("click",n),o}function b(r,e){r.textContent!==e&&(r.textContent=e)}function Z(r,e,t){let n=p("span","fm-group",{role:"radiogroup","aria-label":r}),o=e.map(([s,i,l])=>{let a=M(s,i,l,()=>t(s));return a.setAttribute("role","radio"),n.append(a),a});return{el:n,show(s){for(let i of o)i.setAttribute("aria-checked",String(i.dataset.name===s))}}}function S(r){return r.toLocaleString("en")}function H(r){return r>=1e3?`${z(r/1e3)} s`:r>=1?`${z(r)} ms`:`${z(r*1e3)} µs`}function A(r){return Number.isFinite(r)?`${(r*100).toFixed(1)} %`:"unknown"}function V(r){return r.replaceAll(`
`,"⏎").replaceAll("	","⇥").replaceAll(" ","␣")}function z(r){return r.toPrecision(3)}async function ee(r){let{width:e,height:t}=r.getBoundingClientRect();if(e<1||t<1)return null;let n=r.cloneNode(!0),[o,s]=[r.querySelectorAll("canvas"),n.querySelectorAll("canvas")];o.forEach((a,d)=>{let c=new Image;c.src=a.toDataURL(),c.setAttribute("style",`${a.getAttribute("style")};display:block`),s[d].replaceWith(c)}),ve(r,n),ke(r,n);let i=new XMLSerializer().serializeToString(n),l=`<svg xmlns="http://www.w3.org/2000/svg" width="${e}" height="${t}"><foreignObject width="100%" height="100%">${i}</foreignObject></svg>`;try{return await Me(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(l)}`,e,t)}catch{return null}}function ve(r,e){let t=e.querySelectorAll("input");r.querySelectorAll("input").forEach((s,i)=>{t[i].setAttribute("value",s.value),t[i].toggleAttribute("checked",s.checked)});let n=e.querySelectorAll("textarea");r.querySelectorAll("textarea").forEach((s,i)=>{n[i].textContent=s.value});let o=e.querySelectorAll("select");r.querySelectorAll("select").forEach((s,i)=>{[...o[i].options].forEach((l,a)=>{l.toggleAttribute("selected",a===s.selectedIndex)})})}function ke(r,e){let t=getComputedStyle(r);for(let n of["text","faint","line","paper","raised","accent","warn","error"])e.style.setProperty(`--fm-${n}`,t.getPropertyValue(`--fm-${n}`));e.style.font=t.font}async function Me(r,e,t){let n=new Image;n.src=r,await n.decode();let o=document.createElement("canvas");o.width=Math.round(e),o.height=Math.round(t),o.getContext("2d").drawImage(n,0,0);let s=await new Promise(i=>o.toBlob(i,"image/png"));return s?s.arrayBuffer():null}function te(r,e,t){if(r.ctrlKey||r.metaKey||r.altKey)return!1;let n=r.target.closest("input, select, textarea")!==null;if(r.key==="Escape")e.select({layer:-1,expert:-1,token:-1,following:!0});else{if(n)return!1;if(r.key==="ArrowLeft"||r.key==="ArrowRight")Se(e,r.key==="ArrowRight"?1:-1);else if(r.key==="ArrowUp"||r.key==="ArrowDown")Ee(e,r.key==="ArrowDown"?1:-1);else if(r.key===" "&&!r.target.closest("button"))t("toggle");else return!1}return!0}function Se(r,e){let t=Math.max(0,Math.min(r.tokens-1,r.shownToken+e));r.tokens&&r.select({token:t,following:!1})}function Ee(r,e){let t=r.facts?.sparse_layers??[];if(t.length===0)return;let n=r.layerRow(r.selection.layer),o=n<0?e>0?0:t.length-1:Math.max(0,Math.min(t.length-1,n+e));r.select({layer:t[o],expert:-1})}var ne="fm-page",re;function oe(r){re=r,queueMicrotask(()=>{re===r&&_e(r)})}function _e(r){let e=document.getElementById(ne),t=document.getElementById(`${ne}-data`);if(!e||!t)return;let{traits:n,run:o}=JSON.parse(t.textContent??"{}"),s=r(),i=Ae({...n,run:Te(o)});s.initialize({model:i}),s.render({model:i,el:e})}function Te(r){return new DataView(Uint8Array.from(atob(r),e=>e.charCodeAt(0)).buffer)}function Ae(r){return{get:e=>r[e],set:(e,t)=>{r[e]=t},save_changes:()=>{},send:()=>{},on:()=>{},off:()=>{}}}var $=class{constructor(e,t,n=96e6){this.width=t;this.mostBytes=n;this.data=e}width;mostBytes;first=0;end=0;data;has(e){return e>=this.first&&e<this.end}at(e,t=0){return this.has(e)?this.data[(e-this.first)*this.width+t]:Number.NaN}rows(e,t=e+1){let n=Math.max(e,this.first)-this.first,o=Math.min(t,this.end)-this.first;return this.data.subarray(n*this.width,Math.max(n,o)*this.width)}append(e,t){let n=Math.max(0,this.end-e),o=this.width?t.length/this.width:0;e>this.end&&(this.first=this.end=e);let s=t.subarray(n*this.width);s.length!==0&&(this.reserve(s.length),this.data.set(s,(this.end-this.first)*this.width),this.end=e+o)}reserve(e){let t=(this.end-this.first)*this.width;if(t+e<=this.data.length)return;let n=this.data.subarray(0,t);if((t+e)*this.data.BYTES_PER_ELEMENT>this.mostBytes&&this.width>1){let o=Math.floor((this.end-this.first)/2);this.data=this.grown(n.subarray(o*this.width),e),this.first+=o}else this.data=this.grown(n,Math.max(e,t))}grown(e,t){let n=this.data.constructor,o=new n(e.length+t);return o.set(e),o}};var U=255,C=class{facts=null;place=null;tokens=0;reads=0;countsBefore=new Uint32Array(0);residency=new Uint8Array(0);selection={token:-1,layer:-1,expert:-1,following:!0};connected=!1;error="";received={messages:0,rows:0,snapshots:0};columns=new Map;listeners=new Set;handlers=new Map;kept=new Map;column(e){let t=this.columns.get(e);return t||(t=new $(new Float32Array(0),1),this.columns.set(e,t)),t}get routedFirst(){return this.column("expert_ids").first}get keptExperts(){return this.column("expert_ids").width/Math.max(1,this.facts?.sparse_layers.length??1)}get shownToken(){let{token:e,following:t}=this.selection;return t||e<0||e>=this.tokens?this.tokens-1:e}layerRow(e){return this.facts?this.facts.sparse_layers.indexOf(e):-1}text(e,t=e+1){let n=this.column("text_start").at(e),o=this.column("text_end").at(Math.min(t,this.tokens)-1);return Number.isNaN(n+o)?"":new TextDecoder().decode(this.column("text").rows(n,o))}readsOf(e){let t=this.column("pass_start").at(e),n=this.column("read_token");return[se(n,t),se(n,t+1)]}apply(e){let t=JSON.parse(e.metadata.place);if(t.run!==this.place?.run){if(!e.metadata.facts)return"gap";this.reset(JSON.parse(e.metadata.facts))}else if(t.token_row>this.tokens)return"gap";let n=e.tensors.get("token_id")?.shape[0]??0,o=t.complete!==this.place?.complete;this.place=t;let s=this.tokens;return(t.token_row+n>this.tokens||o||n===0)&&this.take(e,t,n),this.changed(),this.tokens>s||o?"applied":"nothing new"}setResidency(e,t){let n=this.layerRow(e);n<0||!this.facts||(this.residency.set(t,n*this.facts.num_experts),this.changed())}select(e){let t={...this.selection,...e};Object.keys(t).every(o=>t[o]===this.selection[o])||(Object.assign(this.selection,e),this.changed())}onChange(e){return this.listeners.add(e),()=>this.listeners.delete(e)}changed(){for(let e of this.listeners)e()}onPart(e,t){let n=this.handlers.get(e)??new Set;this.handlers.set(e,n.add(t));let o=this.kept.get(e);return o&&t(o,[]),()=>n.delete(t)}keeps(e){return this.kept.has(e)}keep(e){this.kept.set(e.kind,e),this.hand(e,[])}hand(e,t){for(let n of this.handlers.get(e.kind)??[])n(e,t);this.changed()}reset(e){let t=e.sparse_layers.length*e.num_experts;this.facts=e,this.place=null,this.tokens=this.reads=0,this.columns=new Map,this.countsBefore=new Uint32Array(t),this.residency=new Uint8Array(t).fill(U),this.error=""}take(e,t,n){let o=e.tensors.get("counts_before");o&&t.routed_row>this.column("expert_ids").end&&this.countsBefore.set(o.values);for(let[s,i]of e.tensors)s!=="counts_before"&&(this.column(s).end===0&&this.columns.set(s,Ce(i)),this.put(s,$e(s,t),i.values));this.tokens=Math.max(this.tokens,t.token_row+n),this.reads=this.column("read_token").end}put(e,t,n){let o=this.column(e);if(e!=="expert_ids"){o.append(t,n);return}let[s,i]=[o.first,o.rows(o.first,o.end)];o.append(t,n),o.first>s&&o.first<t&&this.count(i.subarray(0,(o.first-s)*o.width))}count(e){let{num_experts:t,sparse_layers:n}=this.facts;for(let o=0;o<e.length;o++){let s=Math.floor(o/this.keptExperts)%n.length;e[o]<t&&this.countsBefore[s*t+e[o]]++}}},Re=new Set(["expert_ids","routing_weights","router_entropy","kept_mass","router_margin"]);function $e(r,e){return r==="text"?e.text_byte:r.startsWith("read_")?e.read_row:r.startsWith("patch_")?e.patch_row:Re.has(r)||r.startsWith("layer_")?e.routed_row:e.token_row}function Ce(r){let e=r.shape.slice(1).reduce((t,n)=>t*n,1);return new $(r.values.slice(0,0),e)}function se(r,e){let[t,n]=[r.first,r.end];for(;t<n;){let o=t+n>>1;r.at(o)<e?t=o+1:n=o}return t}var ie=`.fm-root {
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
`;var ae={F64:Float64Array,F32:Float32Array,I32:Int32Array,I16:Int16Array,U32:Uint32Array,U16:Uint16Array,U8:Uint8Array};function Y(r){let e=Number(r.getBigUint64(0,!0)),t=new TextDecoder().decode(new Uint8Array(r.buffer,r.byteOffset+8,e)),n=JSON.parse(t),o=n.__metadata__??{},s=r.byteOffset+8+e,i=new Map;for(let[l,{dtype:a,shape:d,data_offsets:c}]of Object.entries(n)){if(l==="__metadata__")continue;let u=ae[a];if(!u)throw new Error(`array "${l}" has the type ${a}, expected one of ${Object.keys(ae).join(", ")}`);let h=new u(r.buffer.slice(s+c[0],s+c[1]));i.set(l,{shape:d,values:h})}return{metadata:o,tensors:i}}var q=["token","layer","expert","following"],L=class{constructor(e,t){this.model=e;this.store=t;e.on("msg:custom",(n,o)=>this.receive(n,o)),e.on("change:run",()=>this.load()),e.on("change:state",()=>this.kept());for(let n of q)e.on(`change:${n}`,()=>this.selected([n]));e.on("comm_live_update",()=>this.gone()),this.load(),this.kept(),this.selected(q),t.onChange(()=>this.publish()),this.ask()}model;store;painted={token:-1,frames:0,latencies:[]};asked=!1;seq=0;toldPainted=-1;send=(e,t={})=>{this.tell({kind:"command",name:e,args:t})};picture(e){this.tell({kind:"picture"},[e])}tell(e,t=[]){if(this.store.connected)try{this.model.send(e,void 0,t)}catch{this.gone()}}receive(e,t){if(e?.parts===void 0)return;this.store.connected=!0;let n=0;for(let o of e.parts){let s=t.slice(n,n+o.n_buffers);n+=o.n_buffers,o.kind==="rows"?this.rows(s[0]):o.kind==="residency"?this.store.setResidency(o.layer,Ne(s[0])):this.other(o,s)}this.store.received.messages++,this.seq=e.seq,this.acknowledge()}settle(){this.painted.token!==this.toldPainted&&this.acknowledge()}acknowledge(){let{token:e,frames:t,latencies:n}=this.painted;this.toldPainted=e,this.tell({kind:"ack",seq:this.seq,painted:e,frames:t,latencies:n.splice(0)})}rows(e){let t=this.store.tokens;this.store.apply(Y(e))==="gap"?this.ask():this.asked=!1,this.store.received.rows+=Math.max(0,this.store.tokens-t)}other(e,t){e.kind==="hello"&&(this.asked=!1),e.kind==="error"&&(this.store.error=String(e.text)),this.store.hand(e,t)}load(){let e=this.model.get("run");!e||e.byteLength===0||this.store.apply(Y(e))==="applied"&&this.store.received.snapshots++}kept(){for(let e of Object.values(this.model.get("state")??{}))this.store.keep(e)}ask(){this.asked||(this.asked=!0,this.model.send({kind:"snapshot?",run:this.store.place?.run??"",tokens:this.store.tokens}))}selected(e){let t=Object.fromEntries(e.map(n=>[n,this.model.get(n)]));this.store.select(t)}publish(){let{model:e,store:t}=this,n=q.filter(o=>e.get(o)!==t.selection[o]);for(let o of n)e.set(o,t.selection[o]);n.length&&e.save_changes()}gone(){this.store.connected=!1,this.store.changed()}};function Ne(r){return new Uint8Array(r.buffer,r.byteOffset,r.byteLength)}var Pe=1500,Oe=150,He=navigator.hardwareConcurrency<=4?30:0;function le(r){let e=()=>{let t;return{initialize({model:n}){t=new L(n,new C)},render({model:n,el:o}){return t??=new L(n,new C),Ve(r,o,t)}}};return oe(e),e}function Ve(r,e,t){let{store:n,send:o}=t,s=r.ready??(y=>y.facts!==null),i=Ie(r,s);e.append(i.root);let l=r.make(i.body,n,o),[a,d,c,u]=[0,0,0,0],h=()=>{a||=requestAnimationFrame(m)},m=y=>{if(a=0,y-d<He){h();return}i.show(n),s(n)&&l.draw(y)&&h(),Ue(t),d=y,u||=setTimeout(g,Oe),clearTimeout(c),c=setTimeout(E,Pe)},g=()=>{u=0,i.status(t)},E=async()=>{if(t.settle(),!s(n)||!n.connected||document.hidden||d===0)return;let y=await ee(i.root);y&&t.picture(y)},R=[n.onChange(h),Be(i.root,h),Fe(i.root,h)];return i.root.addEventListener("keydown",y=>{te(y,n,o)&&(y.preventDefault(),y.stopPropagation())}),h(),()=>{for(let y of R)y();cancelAnimationFrame(a),clearTimeout(c),clearTimeout(u),l.destroy(),i.root.remove()}}function Ue({store:r,painted:e}){e.frames++;let t=r.tokens-1;if(t===e.token)return;e.token=t;let n=Date.now()-(r.place.epoch_ms+r.column("end_ms").at(t));t>=0&&!r.place.complete&&e.latencies.length<100&&e.latencies.push(Math.round(n*10)/10)}function Ie(r,e){let t=p("style","",{},ie),n=p("span","fm-of"),o=p("div","fm-head",{},p("span","fm-name",{},r.name),n),s=p("div","fm-body"),i=p("div","fm-empty",{},"Nothing to show yet. ",p("code","",{},r.hint)),l=p("div","fm-error",{role:"alert"}),a=p("div","fm-status"),d=p("div","fm-root",{role:"group","aria-label":r.name,tabindex:"0"});return d.append(t,o,s,i,l,a),{root:d,body:s,show(c){s.hidden=!e(c),i.hidden=e(c),b(n,c.facts?We(c):""),b(l,c.error),l.hidden=c.error===""},status({store:c,painted:u}){let{messages:h,rows:m,snapshots:g}=c.received;Object.assign(a.dataset,{tokens:c.tokens,painted:u.token,frames:u.frames}),Object.assign(a.dataset,{messages:h,rows:m,snapshots:g,connected:c.connected,shown:c.shownToken}),b(a,c.facts?De(c,u.token):"")}}}function We(r){let e=r.place?.complete?"recorded":"recording";return`${r.facts.label} · ${e} · ${r.facts.machine}`}function De(r,e){let{messages:t,rows:n}=r.received,o=`${S(r.tokens)} tokens, ${S(r.reads)} reads, newest painted: ${e<0?"none":e}`,s=t>1&&n>0?` · ${S(n)} live in ${S(t)} messages`:"",i=r.routedFirst,l=i>0?` · routing from token ${S(i)} on (${A(1-i/r.tokens)})`:"",a=t===0?"":" · no kernel: what it sent last";return o+s+l+(r.connected?"":a)}function Fe(r,e){let t=new ResizeObserver(e);return t.observe(r),()=>t.disconnect()}function Be(r,e){let t=matchMedia("(prefers-color-scheme: dark)"),n=()=>{let s=getComputedStyle(r).getPropertyValue("--jp-ui-font-color1")!=="";r.classList.toggle("fm-plain",!s),r.classList.toggle("fm-dark",s?je(r):t.matches),e()},o=new MutationObserver(n);return o.observe(document.body,{attributes:!0}),t.addEventListener("change",n),requestAnimationFrame(n),()=>{o.disconnect(),t.removeEventListener("change",n)}}function je(r){let[e,t,n]=(getComputedStyle(r).backgroundColor.match(/[\d.]+/g)??["255","255","255"]).map(Number);return .299*e+.587*t+.114*n<128}function W(r,e){let t=document.createElement("canvas");t.className="fm-canvas",t.setAttribute("role","img"),t.setAttribute("aria-label",e),r.append(t);let n=t.getContext("2d"),[o,s]=[0,0];return{canvas:t,context:n,get width(){return o},get height(){return s},fit(i){let l=globalThis.devicePixelRatio||1,a=Math.max(200,Math.floor(r.clientWidth)),d=a!==o||i!==s||t.width!==Math.round(a*l);return d&&([o,s]=[a,i],t.width=Math.round(a*l),t.height=Math.round(i*l),t.style.width=`${a}px`,t.style.height=`${i}px`),n.setTransform(l,0,0,l,0,0),d}}}var I=class{canvas=document.createElement("canvas");context;image;constructor(){this.context=this.canvas.getContext("2d"),this.image=this.context.createImageData(1,1)}fill(e,t,n){(this.image.width!==e||this.image.height!==t)&&(this.canvas.width=e,this.canvas.height=t,this.image=this.context.createImageData(e,t));let o=new Uint32Array(this.image.data.buffer);for(let s=0;s<o.length;s++)o[s]=n(s);this.context.putImageData(this.image,0,0)}};var ze=65535,Ye=96;function ce(r,e,t){let n=p("div","fm-layer"),o=p("div","fm-row",{"data-name":"layer_says"}),s=p("div","fm-ranks",{role:"list","aria-label":"experts chosen, by weight"}),i=M("all_probabilities","All probabilities","Ask the router for its softmax over all experts",()=>t("router",{layer:e.selection.layer,token:e.shownToken})),l=p("span","fm-faint",{"data-name":"layer_note"}),a=p("div","fm-probabilities"),d=W(a,"probability of every expert");n.append(o,s,p("div","fm-row",{},i,l),a),r.append(n);let c=null,u=e.onPart("router",(h,m)=>{c=qe(h,m),b(l,h.note??"")});return{draw(){let h=e.layerRow(e.selection.layer);if(n.hidden=h<0,h<0)return;let m=e.shownToken;b(o,Ke(e,h,m)),Ge(s,e,h,m),i.disabled=!e.connected;let g=c!==null&&c.layer===e.selection.layer&&c.token===m;a.hidden=!g,a.dataset.token=g?String(m):"",g&&Qe(d,c,e,h)},destroy:u}}function qe(r,e){if(e.length===0)return null;let{buffer:t,byteOffset:n,byteLength:o}=e[0],s=new Float32Array(t.slice(n,n+o));return{layer:r.layer,token:r.token,probabilities:s}}function Ke(r,e,t){let[n,o,s]=["kept_mass","router_margin","router_entropy"].map(a=>r.column(a).at(t,e));if(Number.isNaN(n))return`layer ${r.selection.layer}: the routing of token ${t} is not here any more`;let i=`layer ${r.selection.layer}, token ${t} "${V(r.text(t))}"`,l=`kept mass ${A(n)} of the softmax, margin ${o.toPrecision(3)} in logits`;return`${i}: ${l}, entropy ${s.toFixed(2)} of ${Math.log(r.facts.num_experts).toFixed(2)} nats${Xe(r,t)}`}function Xe(r,e){let{layer:t}=r.selection,[n,o]=["layer_routed_ms","layer_read_ms"].map(s=>r.column(s).at(e,t));return Number.isFinite(o-n)?`, experts read in ${H(o-n)}`:""}function Ge(r,e,t,n){let o=e.keptExperts,s=e.column("expert_ids").rows(n).subarray(t*o,(t+1)*o),i=e.column("routing_weights").rows(n).subarray(t*o,(t+1)*o),l=[...s].filter(d=>d!==ze).length;for(;r.childElementCount>l;)r.lastElementChild.remove();for(;r.childElementCount<l;)r.append(Je(e));let a=Math.max(...i,0);[...r.children].forEach((d,c)=>{let u=d;u.dataset.expert=String(s[c]),u.style.setProperty("--fm-share",String(a?i[c]/a:0)),u.setAttribute("aria-pressed",String(e.selection.expert===s[c])),u.title=`rank ${c+1}: expert ${s[c]}, weight ${i[c].toFixed(4)}`,b(u,`${s[c]} · ${i[c].toFixed(3)}`)})}function Je(r){let e=M("rank","","",()=>{let t=Number(e.dataset.expert);r.select({expert:t===r.selection.expert?-1:t})});return e.className="fm-rank",e}function Qe(r,{probabilities:e},t,n){r.fit(Ye);let{context:o,width:s,height:i,canvas:l}=r,a=O(l),d=t.keptExperts,c=new Set(t.column("expert_ids").rows(t.shownToken).subarray(n*d,(n+1)*d)),u=e.reduce((m,g)=>Math.max(m,g),0),h=s/e.length;o.clearRect(0,0,s,i),e.forEach((m,g)=>{let E=Math.max(1,m/u*(i-16));o.fillStyle=c.has(g)?w.ssd:a.faint;let R=c.has(g)?Math.max(2,h):Math.max(1,h-.5);o.fillRect(g*h,i-E,R,E)}),o.fillStyle=a.faint,o.font=`11px ${a.font}`,o.textBaseline="top",o.fillText(`${A(u)}: expert ${e.indexOf(u)}; the chosen are orange`,2,0)}var D=class{counts=new Uint32Array(0);lastToken=new Int32Array(0);lastRead=new Int32Array(0);next=0;run="";upTo(e,t){let n=e.place?.run??"",o=e.routedFirst>this.next;if((n!==this.run||o||t+1<this.next)&&this.restart(e,n),t<this.next)return;let s=Math.max(this.next,e.routedFirst);this.choose(e,s,t),this.read(e,s,t),this.next=t+1}restart(e,t){this.run=t,this.next=0,this.counts=Uint32Array.from(e.countsBefore),this.lastToken=new Int32Array(this.counts.length).fill(-1),this.lastRead=new Int32Array(this.counts.length).fill(-1)}choose(e,t,n){let o=e.facts.num_experts,s=e.column("expert_ids"),i=e.keptExperts;for(let l=t;l<=n;l++){let a=s.rows(l);for(let d=0;d<a.length;d++){if(a[d]>=o)continue;let c=Math.floor(d/i)*o+a[d];this.counts[c]++,this.lastToken[c]=l}}}read(e,t,n){let o=e.facts.num_experts,[s,i]=[e.column("read_layer"),e.column("read_expert")],l=Math.max(e.readsOf(t)[0],s.first),a=e.readsOf(n)[1];for(let d=l;d<a;d++){let c=e.layerRow(s.at(d));c>=0&&(this.lastRead[c*o+i.at(d)]=d)}}};function de(r,e,t=.82,n=28){let{sparse_layers:o,num_experts:s}=r.facts,i=new Float32Array(o.length*s),l=r.column("expert_ids"),a=r.keptExperts;for(let d=Math.max(l.first,e-n);d<e;d++){let c=l.rows(d),u=t**(e-d);for(let h=0;h<c.length;h++)c[h]<s&&(i[Math.floor(h/a)*s+c[h]]+=u)}return i}var he=.82,K=P(128,128,128,90),Ze=1711276032,X=256,ue=["page cache","partly page cache","SSD","page cache, inferred","SSD, inferred"],et=[w.cache,w.partly,w.ssd,w.cache,w.ssd].map(tt),N={now:{text:"This token",title:"Experts chosen for this token over the glow of those before",colours({store:r,token:e,settled:t}){let n=de(r,e,he),o=he**(t-1);return s=>T(_,Math.min(.8,.55*o*n[s]))},legend:()=>[["mark","chosen for this token"],[v(T(_,.6)),"chosen for the tokens before, fading"]]},counts:{text:"Counts",title:"How often each expert was chosen up to this token, on a logarithmic scale",colours({usage:r}){let e=r.counts.reduce((n,o)=>Math.max(n,o),1),t=Uint32Array.from({length:e+1},(n,o)=>T(_,Math.log1p(o)/Math.log1p(e)));return n=>t[r.counts[n]]},legend({usage:r}){let e=r.counts.reduce((t,n)=>Math.max(t,n),1);return[[v(_[0]),"never"],[v(_[128]),`${Math.round(Math.expm1(Math.log1p(e)/2))} times`],[v(_[255]),`${e} times`]]}},recency:{text:"Recency",title:"How long ago each expert was chosen, on a logarithmic scale",colours({usage:r,token:e}){let t=Math.log1p(X);return n=>{let o=r.lastToken[n];return o===-1?K:T(k,1-Math.log1p(e-o)/t)}},legend:()=>[[v(k[255]),"this token"],[v(T(k,1-Math.log1p(16)/Math.log1p(X))),"16 tokens ago"],[v(k[0]),`${X} or more`],[F(),"never"]]},residency:{text:"Residency",title:"How much of each expert the page cache holds now",colours({store:r}){return e=>{let t=r.residency[e];return t===U?K:T(k,t/254)}},legend:({store:r})=>r.residency.every(e=>e===U)?[[F(),"unknown: a live session is swept, a trace holds no residency"]]:[[v(k[0]),"not in the page cache"],[v(k[255]),"wholly in the page cache"],[F(),"unknown"]]},source:{text:"Hit or miss",title:"Where the last read of each expert came from",colours({store:r,usage:e,token:t}){let n=r.column("read_source"),o=n.rows(n.first,n.end),[s]=r.readsOf(t);return i=>{let l=e.lastRead[i];if(l<n.first)return K;let a=et[o[l-n.first]];return l<s?(a&16777215|Ze)>>>0:a}},legend:()=>[[w.cache,"page cache"],[w.partly,"partly"],[w.ssd,"SSD"],[F(),"never read; faint: read for a token before"]]}};function tt(r){let[e,t,n]=[1,3,5].map(o=>Number.parseInt(r.slice(o,o+2),16));return P(e,t,n)}function F(){return"rgb(128 128 128 / 35%)"}var f=40,x=16,nt=480,j=class{sheet;brush=null;grid=new I;window=null;rowHeight=1;constructor(e){this.sheet=W(e,"experts by layer: a row for each layer, a column for each expert")}cellAt(e,t){let n=this.window;if(!n||t<x||t>=x+this.rowHeight*(n.rows.end-n.rows.start))return null;let o=n.rows.start+Math.floor((t-x)/this.rowHeight);if(e<f)return{row:o,expert:-1};let s=n.experts.start+Math.floor((e-f)/this.expertWidth);return s<n.experts.end?{row:o,expert:s}:null}draw(e,t,n){this.window=n;let o=n.rows.end-n.rows.start;this.rowHeight=Math.max(5,Math.min(26,Math.floor(nt/o))),this.sheet.fit(x+this.rowHeight*o+2);let{context:s,width:i,height:l}=this.sheet,{theme:a}=e;s.clearRect(0,0,i,l),this.cells(e,t,n),this.marks(e,t),s.fillStyle=a.faint,s.strokeStyle=a.text,s.font=`11px ${a.font}`,this.labels(e),this.selected(e,a.accent),this.brushed(a.accent)}get expertWidth(){let{start:e,end:t}=this.window.experts;return(this.sheet.width-f)/(t-e)}cells(e,t,{experts:n,rows:o}){let{context:s,width:i}=this.sheet,l=n.end-n.start,a=e.store.facts.num_experts,d=N[t].colours(e),c=o.end-o.start;this.grid.fill(l,c,u=>{let h=Math.floor(u/l);return d((o.start+h)*a+n.start+(u-h*l))}),s.imageSmoothingEnabled=!1,s.drawImage(this.grid.canvas,f,x,i-f,this.rowHeight*c),s.fillStyle=e.theme.dark?"rgb(17 17 17 / 60%)":"rgb(255 255 255 / 60%)";for(let u=1;u<c;u++)s.fillRect(f,x+u*this.rowHeight-.5,i-f,1)}marks({store:e,token:t,theme:n},o){let{context:s}=this.sheet,{experts:i,rows:l}=this.window,a=e.keptExperts,d=e.column("expert_ids").rows(t),c=e.column("routing_weights").rows(t),u=Math.max(3,this.expertWidth);for(let h=0;h<d.length;h++){let m=Math.floor(h/a);if(m<l.start||m>=l.end||d[h]<i.start||d[h]>=i.end)continue;let g=f+(d[h]-i.start+.5)*this.expertWidth-u/2,E=x+(m-l.start)*this.rowHeight,R=this.rowHeight-1;o==="now"?(s.fillStyle=rt(c[h]*a),s.fillRect(g,E,u,R)):(s.strokeStyle=n.dark?"#fff":"#000",s.lineWidth=1,s.strokeRect(g-.5,E+.5,u+1,R-1))}}labels({store:e}){let{context:t,width:n}=this.sheet,{experts:o,rows:s}=this.window,i=Math.max(1,Math.ceil(12/this.rowHeight));t.textBaseline="middle",t.textAlign="right";for(let a=s.start;a<s.end;a++){if((a-s.start)%i)continue;let d=x+(a-s.start+.5)*this.rowHeight;t.fillText(String(e.facts.sparse_layers[a]),f-6,d)}let l=ot((o.end-o.start)/Math.max(2,(n-f)/90));t.textAlign="center";for(let a=Math.ceil(o.start/l)*l;a<o.end;a+=l){let d=f+(a-o.start+.5)*this.expertWidth;t.fillText(String(a),Math.max(f+8,Math.min(n-12,d)),x/2-1),t.fillRect(d,x-3,1,3)}t.textAlign="left",t.fillText("layer",0,x/2-1)}selected({store:e},t){let{context:n,width:o}=this.sheet,{experts:s,rows:i}=this.window,l=e.layerRow(e.selection.layer);if(l<i.start||l>=i.end)return;let a=x+(l-i.start)*this.rowHeight;n.strokeStyle=t,n.lineWidth=2,n.strokeRect(f-1,a-.5,o-f,this.rowHeight);let{expert:d}=e.selection;if(d<s.start||d>=s.end)return;let c=Math.max(5,this.expertWidth),u=f+(d-s.start+.5)*this.expertWidth;n.strokeRect(u-c/2-2,a-3,c+4,this.rowHeight+5)}brushed(e){if(!this.brush)return;let{context:t,width:n}=this.sheet,{experts:o,rows:s}=this.window,{from:i,to:l,layersOnly:a}=this.brush,d=x+(Math.min(i.row,l.row)-s.start)*this.rowHeight,c=(Math.abs(i.row-l.row)+1)*this.rowHeight,u=a?f:f+(Math.min(i.expert,l.expert)-o.start)*this.expertWidth,h=a?n-f:(Math.abs(i.expert-l.expert)+1)*this.expertWidth;t.strokeStyle=e,t.lineWidth=1,t.setLineDash([4,3]),t.strokeRect(u+.5,d+.5,h,c),t.setLineDash([])}};function rt(r){return`color-mix(in srgb, #fff ${Math.round(Math.max(0,Math.min(1,(r-.4)/2))*100)}%, #fde725)`}function ot(r){return 2**Math.ceil(Math.log2(Math.max(1,r)))}function pe(r,e,t,{row:n,expert:o}){let s=r.facts,i=s.sparse_layers[n];if(o<0)return`layer ${i}`;let l=n*s.num_experts+o,a=[`layer ${i}, expert ${o}`,st(r,t,n,o)],d=e.counts[l],c=e.lastToken[l],u=c===-1?"":c===t?", last for this token":`, last ${t-c} tokens ago`;a.push(`chosen ${d===1?"once":`${d} times`}${u}`),e.lastRead[l]!==-1&&a.push(it(r,e.lastRead[l]));let h=r.residency[l];return h!==255&&a.push(`page cache holds ${A(h/254)}`),a.join(`
`)}function st(r,e,t,n){let o=r.keptExperts,s=r.column("expert_ids").rows(e).subarray(t*o,(t+1)*o).indexOf(n);if(s<0)return`not chosen for token ${e}`;let i=r.column("routing_weights").at(e,t*o+s);return`rank ${s+1} of ${o}, weight ${i.toFixed(3)}`}function it(r,e){let t=o=>r.column(o).at(e);return`last read in ${H(t("read_end_ms")-t("read_start_ms"))} from ${ue[t("read_source")]} (token ${t("read_token")})`}var me=`.fm-legend {
  display: flex;
  flex-wrap: wrap;
  gap: 0 14px;
  color: var(--fm-faint);
  font-size: 11px;
}
.fm-swatch {
  display: inline-block;
  width: 10px;
  height: 10px;
  margin-right: 5px;
  vertical-align: -1px;
  outline: 1px solid var(--fm-line);
}
.fm-layer {
  border-top: 1px solid var(--fm-line);
  margin-top: 6px;
  padding-top: 2px;
}
.fm-ranks {
  display: flex;
  flex-wrap: wrap;
  gap: 4px;
}
.fm-root .fm-rank {
  background: linear-gradient(
    to right,
    color-mix(in srgb, var(--fm-accent) 35%, var(--fm-paper)) calc(100% * var(--fm-share)),
    var(--fm-paper) 0
  );
  min-width: 84px;
  text-align: left;
}
.fm-map {
  position: relative;
  cursor: crosshair;
}
`;function ge(r,e){return{experts:{start:0,end:r},rows:{start:0,end:e}}}function lt(r,e,t,n,o){let s=Math.min(n,Math.max(Math.min(o,n),Math.round((r.end-r.start)*e))),i=(t-r.start)/(r.end-r.start),l=Math.max(0,Math.min(n-s,Math.round(t-i*s)));return{start:l,end:l+s}}function G(r,e,t,n){return{...r,experts:lt(r.experts,e,t,n,8)}}function ye(r,e,t,{layersOnly:n=!1}={}){let o=fe(e.row,t.row),s=fe(e.expert,t.expert);return{experts:n?r.experts:ct(s,r.experts),rows:o}}function fe(r,e){return{start:Math.min(r,e),end:Math.max(r,e)+1}}function ct(r,e){let t=Math.max(0,Math.min(8,e.end-e.start)-(r.end-r.start)),n=Math.max(e.start,r.start-Math.floor(t/2)),o=Math.min(e.end,Math.max(r.end,n+(r.end-r.start)+t));return{start:n,end:o}}function xe(r,e,t){return r.experts.start===0&&r.experts.end===e&&r.rows.start===0&&r.rows.end===t}var dt=220,ht=120,ut=5,pt=(r,e,t)=>new J(r,e,t),J=class{constructor(e,t,n){this.store=t;this.send=n;let o=p("div","fm-map");this.modes=Z("colour",Object.entries(N).map(([i,{text:l,title:a}])=>[i,l,a]),i=>this.choose(i)),this.follow=M("follow","Follow","Show each new token as it comes",()=>t.select({following:!t.selection.following,token:t.shownToken})),this.all=M("zoom_all","All","All layers and experts",()=>this.look(null)),this.scrub.addEventListener("input",()=>t.select({token:this.scrub.valueAsNumber,following:!1}));let s=p("span","fm-group",{role:"group","aria-label":"zoom"},this.zoom("zoom_out","−",2),this.zoom("zoom_in","+",.5),this.all);e.append(p("style","",{},me),p("div","fm-row",{},this.modes.el,s),o,this.legend),e.append(p("div","fm-row",{},this.follow,this.scrub),this.says),this.map=new j(o),o.append(this.tip),this.layer=ce(e,t,n),this.end=t.onPart("mode",i=>this.choose(i.mode,{tell:!1})),this.listen()}store;send;mode="now";window=null;run="";usage=new D;map;layer;modes;scrub=p("input","fm-grow",{type:"range",min:"0","aria-label":"token","data-name":"scrub"});follow;all;says=p("div","fm-says",{"data-name":"says"});legend=p("div","fm-legend");tip=p("div","fm-tip",{hidden:""});end;came={token:-1,at:0};saidAt=Number.NEGATIVE_INFINITY;draw(e){let{store:t}=this,n=t.facts;t.place.run!==this.run&&([this.run,this.window]=[t.place.run,null]),this.window??=ge(n.num_experts,n.sparse_layers.length);let o=t.shownToken;this.usage.upTo(t,o);let s=this.settled(o,e),i={store:t,usage:this.usage,token:o,settled:s,theme:O(this.says)};return this.map.draw(i,this.mode,this.window),(s===1||e-this.saidAt>ht)&&(this.saidAt=e,this.controls(i)),this.layer.draw(e),s<1}destroy(){this.end(),this.layer.destroy()}settled(e,t){if(e!==this.came.token){let n=this.store.selection.following&&!this.store.place.complete,o=matchMedia("(prefers-reduced-motion: reduce)").matches;this.came={token:e,at:n&&!o?t:Number.NEGATIVE_INFINITY}}return Math.min(1,(t-this.came.at)/dt)}controls(e){let{store:t,scrub:n,follow:o,all:s,window:i}=this,{num_experts:l,sparse_layers:a}=t.facts;n.max=String(Math.max(0,t.tokens-1)),n.valueAsNumber!==e.token&&(n.value=String(e.token)),n.setAttribute("aria-valuetext",`token ${e.token}: ${t.text(e.token)}`),o.setAttribute("aria-pressed",String(t.selection.following)),s.disabled=xe(i,l,a.length),this.modes.show(this.mode),b(this.says,this.sentence(e)),this.showLegend(e)}showLegend(e){let t=N[this.mode].legend(e),n=JSON.stringify(t);if(this.legend.dataset.key===n)return;this.legend.dataset.key=n;let o=s=>p("i","fm-swatch",{style:`background:${s==="mark"?"#fde725":s}`});this.legend.replaceChildren(...t.map(([s,i])=>p("span","",{},o(s),i)))}sentence({token:e}){let{store:t}=this,{sparse_layers:n,num_experts:o,top_k:s}=t.facts;if(e<0)return"no token yet";let i=t.column("expert_ids"),l=t.column("phase").at(e)===0?"prompt":"output",a=`token ${S(e)} "${V(t.text(e))}" (${l})`;if(!i.has(e))return`${a}: its routing is older than what is kept here`;let[d,c]=[i.rows(e),e>i.first?i.rows(e-1):null],u=c?mt(d,c,t.keptExperts):0,h=n.length*s;return`${a}: ${s} of ${o} experts in each of ${n.length} layers; ${u} of ${h} as for the token before`}choose(e,{tell:t=!0}={}){this.mode=e,t&&this.send("mode",{mode:e}),this.store.changed()}zoom(e,t,n){let o=n<1?"Fewer experts, wider":"More experts, narrower";return M(e,t,o,()=>{let{start:s,end:i}=this.window.experts,{expert:l}=this.store.selection,a=l>=s&&l<i?l:(s+i)/2;this.look(G(this.window,n,a,this.store.facts.num_experts))})}look(e){this.window=e,this.store.changed()}listen(){let{canvas:e}=this.map.sheet,t=o=>this.map.cellAt(o.offsetX,o.offsetY),n=null;e.addEventListener("pointerdown",o=>{let s=t(o);n=s&&{x:o.offsetX,y:o.offsetY,cell:s},e.setPointerCapture(o.pointerId)}),e.addEventListener("pointermove",o=>{let s=t(o);if(n&&s&&Math.hypot(o.offsetX-n.x,o.offsetY-n.y)>ut){let i=n.cell.expert<0;this.map.brush={from:n.cell,to:i?s:{...s,expert:Math.max(0,s.expert)},layersOnly:i},this.store.changed()}this.hover(s,o)}),e.addEventListener("pointerup",o=>{let s=this.map.brush,i=t(o);this.map.brush=null,s?this.look(ye(this.window,s.from,s.to,s)):n&&i&&this.click(i),n=null}),e.addEventListener("pointerleave",()=>this.hover(null,null)),e.addEventListener("dblclick",()=>this.look(null)),e.addEventListener("wheel",o=>{let s=t(o);if(!s||s.expert<0||!(o.ctrlKey||o.shiftKey))return;o.preventDefault();let i=(o.deltaY||o.deltaX)>0?1.25:.8;this.look(G(this.window,i,s.expert,this.store.facts.num_experts))})}click({row:e,expert:t}){let{selection:n,facts:o}=this.store,s=o.sparse_layers[e],i=n.layer===s&&(t<0||n.expert===t);this.store.select(i?{layer:-1,expert:-1}:{layer:s,expert:t})}hover(e,t){if(this.tip.hidden=e===null||this.map.brush!==null||this.store.facts===null,!e||!t||this.tip.hidden)return;b(this.tip,pe(this.store,this.usage,this.store.shownToken,e));let n=t.offsetX>this.map.sheet.width-260;this.tip.style.left=n?"":`${t.offsetX+14}px`,this.tip.style.right=n?`${this.map.sheet.width-t.offsetX+14}px`:"",this.tip.style.top=`${t.offsetY+14}px`}};function mt(r,e,t){let n=0;for(let o=0;o<r.length;o+=t){let s=new Set(Array.from({length:t},(i,l)=>e[o+l]));for(let i=o;i<o+t;i++)s.has(r[i])&&n++}return n}var fn=le({name:"RouterView",hint:"RouterView(session), or view.attach(fm.load_trace(path))",make:pt});export{fn as default,pt as makeRouterView};
