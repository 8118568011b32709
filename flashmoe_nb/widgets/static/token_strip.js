// widgets/src sha256 893720abffad96eb855e9bf681b35ad5ab22831c2417c33e58e86fd262aec256
var ie="440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",le="00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";function q(n){let e=n.split(" ").map(r=>Number.parseInt(r,16)),t=(r,o)=>r>>o&255;return Uint32Array.from({length:256},(r,o)=>{let s=o/255*(e.length-1),a=Math.min(Math.floor(s),e.length-2),l=i=>Math.round(t(e[a],i)*(a+1-s)+t(e[a+1],i)*(s-a));return ce(l(16),l(8),l(0))})}function ce(n,e,t,r=255){return(r<<24|t<<16|e<<8|n)>>>0}var Ye=q(ie),Ge=q(le);var w={cache:"#009E73",partly:"#CC79A7",ssd:"#E69F00",unknown:"#999999",mark:"#0072B2"};function d(n,e,t={},...r){let o=document.createElement(n);e&&(o.className=e);for(let[s,a]of Object.entries(t))o.setAttribute(s,a);return o.append(...r),o}function U(n,e,t,r){let o=d("button","",{type:"button","data-name":n,title:t},e);return o.addEventListener("click",r),o}function v(n,e){n.textContent!==e&&(n.textContent=e)}function K(n,e,t){let r=d("span","fm-group",{role:"radiogroup","aria-label":n}),o=e.map(([s,a,l])=>{let i=U(s,a,l,()=>t(s));return i.setAttribute("role","radio"),r.append(i),i});return{el:r,show(s){for(let a of o)a.setAttribute("aria-checked",String(a.dataset.name===s))}}}function b(n){return n.toLocaleString("en")}function E(n){for(let[e,t]of[["TB",1e12],["GB",1e9],["MB",1e6],["kB",1e3]])if(n>=t)return`${L(n/t)} ${e}`;return`${n} B`}function O(n){return n>=1e3?`${L(n/1e3)} s`:n>=1?`${L(n)} ms`:`${L(n*1e3)} µs`}function k(n){return Number.isFinite(n)?`${(n*100).toFixed(1)} %`:"unknown"}function B(n){return n.replaceAll(`
`,"⏎").replaceAll("	","⇥").replaceAll(" ","␣")}function L(n){return n>=999.5?n.toFixed(0):n.toPrecision(3)}async function Y(n){let{width:e,height:t}=n.getBoundingClientRect();if(e<1||t<1)return null;let r=n.cloneNode(!0),[o,s]=[n.querySelectorAll("canvas"),r.querySelectorAll("canvas")];o.forEach((i,u)=>{if(i.hidden){s[u].remove();return}let c=new Image;c.src=i.toDataURL(),c.setAttribute("style",`${i.getAttribute("style")};display:block`),s[u].replaceWith(c)}),de(n,r),ue(n,r);let a=new XMLSerializer().serializeToString(r),l=`<svg xmlns="http://www.w3.org/2000/svg" width="${e}" height="${t}"><foreignObject width="100%" height="100%">${a}</foreignObject></svg>`;try{return await me(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(l)}`,e,t)}catch{return null}}function de(n,e){let t=e.querySelectorAll("input");n.querySelectorAll("input").forEach((s,a)=>{t[a].setAttribute("value",s.value),t[a].toggleAttribute("checked",s.checked)});let r=e.querySelectorAll("textarea");n.querySelectorAll("textarea").forEach((s,a)=>{r[a].textContent=s.value});let o=e.querySelectorAll("select");n.querySelectorAll("select").forEach((s,a)=>{[...o[a].options].forEach((l,i)=>{l.toggleAttribute("selected",i===s.selectedIndex)})})}function ue(n,e){let t=getComputedStyle(n);for(let r of["text","faint","line","paper","raised","accent","warn","error"])e.style.setProperty(`--fm-${r}`,t.getPropertyValue(`--fm-${r}`));e.style.font=t.font}async function me(n,e,t){let r=new Image;r.src=n,await r.decode();let o=document.createElement("canvas");o.width=Math.round(e),o.height=Math.round(t),o.getContext("2d").drawImage(r,0,0);let s=await new Promise(a=>o.toBlob(a,"image/png"));return s?s.arrayBuffer():null}function G(n,e,t){if(n.ctrlKey||n.metaKey||n.altKey)return!1;let r=n.target,o=r.closest("input, select, textarea")!==null;if(n.key==="Escape")e.select({layer:-1,expert:-1,token:-1,following:!0});else{if(o)return!1;if(n.key==="ArrowLeft"||n.key==="ArrowRight")pe(e,n.key==="ArrowRight"?1:-1);else if(n.key==="ArrowUp"||n.key==="ArrowDown"){if(fe(r))return!1;he(e,n.key==="ArrowDown"?1:-1)}else if(n.key===" "&&!r.closest("button"))t("toggle");else return!1}return!0}function fe(n){let e=n.closest('[tabindex="0"]:not(.fm-root)');return e!==null&&e.scrollHeight>e.clientHeight}function pe(n,e){let t=Math.max(0,Math.min(n.tokens-1,n.shownToken+e));n.tokens&&n.select({token:t,following:!1})}function he(n,e){let t=n.facts?.sparse_layers??[];if(t.length===0)return;let r=n.layerRow(n.selection.layer),o=r<0?e>0?0:t.length-1:Math.max(0,Math.min(t.length-1,r+e));n.select({layer:t[o],expert:-1})}var J="fm-page",X;function Q(n){X=n,queueMicrotask(()=>{X===n&&be(n)})}function be(n){let e=document.getElementById(J),t=document.getElementById(`${J}-data`);if(!e||!t)return;let{traits:r,run:o}=JSON.parse(t.textContent??"{}"),s=n(),a=ye({...r,run:ge(o)});s.initialize({model:a}),s.render({model:a,el:e})}function ge(n){return new DataView(Uint8Array.from(atob(n),e=>e.charCodeAt(0)).buffer)}function ye(n){return{get:e=>n[e],set:(e,t)=>{n[e]=t},save_changes:()=>{},send:()=>{},on:()=>{}}}var T=class{constructor(e,t,r=96e6){this.width=t;this.mostBytes=r;this.data=e}width;mostBytes;first=0;end=0;data;has(e){return e>=this.first&&e<this.end}at(e,t=0){return this.has(e)?this.data[(e-this.first)*this.width+t]:Number.NaN}rows(e,t=e+1){let r=Math.max(e,this.first)-this.first,o=Math.min(t,this.end)-this.first;return this.data.subarray(r*this.width,Math.max(r,o)*this.width)}append(e,t){let r=Math.max(0,this.end-e),o=this.width?t.length/this.width:0;e>this.end&&(this.first=this.end=e);let s=t.subarray(r*this.width);s.length!==0&&(this.reserve(s.length),this.data.set(s,(this.end-this.first)*this.width),this.end=e+o)}reserve(e){let t=(this.end-this.first)*this.width;if(t+e<=this.data.length)return;let r=this.data.subarray(0,t);if((t+e)*this.data.BYTES_PER_ELEMENT>this.mostBytes&&this.width>1){let o=Math.floor((this.end-this.first)/2);this.data=this.grown(r.subarray(o*this.width),e),this.first+=o}else this.data=this.grown(r,Math.max(e,t))}grown(e,t){let r=this.data.constructor,o=new r(e.length+t);return o.set(e),o}};var N={PAGE_CACHE:0,PARTLY:1,SSD:2,INFERRED_PAGE_CACHE:3,INFERRED_SSD:4};var ot=[w.cache,w.partly,w.ssd,w.cache,w.ssd];function Z(n){return n.source===N.PARTLY?n.before:n.source===N.PAGE_CACHE||n.source===N.INFERRED_PAGE_CACHE?1:0}function xe(n){return n>=N.INFERRED_PAGE_CACHE}function we(n,e){let[t,r]=n.readsOf(e);return Array.from({length:Math.max(0,r-t)},(o,s)=>ve(n,t+s))}function ve(n,e){let t=r=>n.column(`read_${r}`).at(e);return{row:e,layer:t("layer"),expert:t("expert"),thread:t("thread"),bytes:t("bytes"),start:t("start_ms"),end:t("end_ms"),before:t("resident_fraction_before"),source:t("source")}}function ke(n,e){let t=r=>Se(r.map(o=>[o.start,o.end]));return{reads:n.length,bytes:n.reduce((r,o)=>r+o.bytes,0),hitBytes:n.reduce((r,o)=>r+o.bytes*Z(o),0),inferred:n.some(r=>xe(r.source)),readMs:t(n),ssdMs:t(n.filter(r=>Z(r)<1)),passMs:e}}function Se(n){let[e,t]=[0,Number.NEGATIVE_INFINITY];for(let[r,o]of[...n].sort((s,a)=>s[0]-a[0]))e+=Math.max(0,o-Math.max(r,t)),t=Math.max(t,o);return e}var D=class{constructor(e){this.store=e}store;run="";known=new Map;of(e){let t=this.store.place?.run??"";t!==this.run&&this.known.clear(),this.run=t;let r=this.store.column("pass_start").at(e),o=this.known.get(r);if(o)return o;let s=this.store.column("end_ms").at(e)-this.store.column("start_ms").at(e),a=ke(we(this.store,e),s);return a.reads>0&&this.known.set(r,a),a}recent(e,t){let r=[];for(let o=e;o>=0&&r.length<t;o--)this.store.column("phase").at(o)===S&&r.push(this.of(o));return r.reverse()}},S=1;var Me=255,_=class{facts=null;place=null;tokens=0;reads=0;countsBefore=new Uint32Array(0);residency=new Uint8Array(0);selection={token:-1,layer:-1,expert:-1,following:!0};connected=!1;error="";received={messages:0,rows:0,snapshots:0};sums=new D(this);columns=new Map;listeners=new Set;handlers=new Map;kept=new Map;column(e){let t=this.columns.get(e);return t||(t=new T(new Float32Array(0),1),this.columns.set(e,t)),t}get routedFirst(){return this.column("expert_ids").first}get keptExperts(){return this.column("expert_ids").width/Math.max(1,this.facts?.sparse_layers.length??1)}chosen(e,t){let r=this.keptExperts,o=this.column("expert_ids").rows(e).subarray(t*r,(t+1)*r),s=0;for(;s<o.length&&o[s]<this.facts.num_experts;)s++;return o.subarray(0,s)}get shownToken(){let{token:e,following:t}=this.selection;return t||e<0||e>=this.tokens?this.tokens-1:e}layerRow(e){return this.facts?this.facts.sparse_layers.indexOf(e):-1}text(e,t=e+1){let r=this.column("text_start").at(e),o=this.column("text_end").at(Math.min(t,this.tokens)-1);return Number.isNaN(r+o)?"":new TextDecoder().decode(this.column("text").rows(r,o))}readsOf(e){let t=this.column("pass_start").at(e),r=this.column("read_token");return[A(r,t),A(r,t+1)]}apply(e){let t=JSON.parse(e.metadata.place);if(t.run!==this.place?.run){if(!e.metadata.facts)return"gap";this.reset(JSON.parse(e.metadata.facts))}else if(t.token_row>this.tokens)return"gap";let r=e.tensors.get("token_id")?.shape[0]??0,o=t.complete!==this.place?.complete;this.place=t;let s=this.tokens;return(t.token_row+r>this.tokens||o||r===0)&&this.take(e,t,r),this.changed(),this.tokens>s||o?"applied":"nothing new"}setResidency(e,t){let r=this.layerRow(e);r<0||!this.facts||(this.residency.set(t,r*this.facts.num_experts),this.changed())}select(e){let t={...this.selection,...e};Object.keys(t).every(o=>t[o]===this.selection[o])||(Object.assign(this.selection,e),this.changed())}onChange(e){return this.listeners.add(e),()=>this.listeners.delete(e)}changed(){for(let e of this.listeners)e()}onPart(e,t){let r=this.handlers.get(e)??new Set;this.handlers.set(e,r.add(t));let o=this.kept.get(e);return o&&t(o,[]),()=>r.delete(t)}keeps(e){return this.kept.has(e)}keep(e){this.kept.set(e.kind,e),this.hand(e,[])}hand(e,t){for(let r of this.handlers.get(e.kind)??[])r(e,t);this.changed()}reset(e){let t=e.sparse_layers.length*e.num_experts;this.facts=e,this.place=null,this.tokens=this.reads=0,this.columns=new Map,this.countsBefore=new Uint32Array(t),this.residency=new Uint8Array(t).fill(Me),this.error=""}take(e,t,r){let o=e.tensors.get("counts_before");o&&t.routed_row>this.column("expert_ids").end&&this.countsBefore.set(o.values);for(let[s,a]of e.tensors)s!=="counts_before"&&(this.column(s).end===0&&this.columns.set(s,_e(a)),this.put(s,Te(s,t),a.values));this.tokens=Math.max(this.tokens,t.token_row+r),this.reads=this.column("read_token").end}put(e,t,r){let o=this.column(e);if(e!=="expert_ids"){o.append(t,r);return}let[s,a]=[o.first,o.rows(o.first,o.end)];o.append(t,r),o.first>s&&o.first<t&&this.count(a.subarray(0,(o.first-s)*o.width))}count(e){let{num_experts:t,sparse_layers:r}=this.facts;for(let o=0;o<e.length;o++){let s=Math.floor(o/this.keptExperts)%r.length;e[o]<t&&this.countsBefore[s*t+e[o]]++}}},Ee=new Set(["expert_ids","routing_weights","router_entropy","kept_mass","router_margin"]);function Te(n,e){return n==="text"?e.text_byte:n.startsWith("read_")?e.read_row:n.startsWith("patch_")?e.patch_row:Ee.has(n)||n.startsWith("layer_")?e.routed_row:e.token_row}function _e(n){let e=n.shape.slice(1).reduce((t,r)=>t*r,1);return new T(n.values.slice(0,0),e)}function A(n,e){let[t,r]=[n.first,n.end];for(;t<r;){let o=t+r>>1;n.at(o)<e?t=o+1:r=o}return t}var ee=`.fm-root {
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
`;var te={F64:Float64Array,F32:Float32Array,I32:Int32Array,I16:Int16Array,U32:Uint32Array,U16:Uint16Array,U8:Uint8Array};function V(n){let e=Number(n.getBigUint64(0,!0)),t=new TextDecoder().decode(new Uint8Array(n.buffer,n.byteOffset+8,e)),r=JSON.parse(t),o=r.__metadata__??{},s=n.byteOffset+8+e,a=new Map;for(let[l,{dtype:i,shape:u,data_offsets:c}]of Object.entries(r)){if(l==="__metadata__")continue;let p=te[i];if(!p)throw new Error(`array "${l}" has the type ${i}, expected one of ${Object.keys(te).join(", ")}`);let g=new p(n.buffer.slice(s+c[0],s+c[1]));a.set(l,{shape:u,values:g})}return{metadata:o,tensors:a}}var I=["token","layer","expert","following"],R=class{constructor(e,t){this.model=e;this.store=t;e.on("msg:custom",(r,o)=>this.receive(r,o)),e.on("change:run",()=>this.load()),e.on("change:state",()=>this.kept());for(let r of I)e.on(`change:${r}`,()=>this.selected([r]));e.on("comm_live_update",()=>this.gone()),this.load(),this.kept(),this.selected(I),t.onChange(()=>this.publish()),this.ask()}model;store;painted={token:-1,frames:0,latencies:[]};asked=!1;seq=0;toldPainted=-1;send=(e,t={})=>{this.tell({kind:"command",name:e,args:t})};picture(e){this.tell({kind:"picture"},[e])}tell(e,t=[]){if(this.store.connected)try{this.model.send(e,void 0,t)}catch{this.gone()}}receive(e,t){if(e?.parts===void 0)return;this.store.connected=!0;let r=0;for(let o of e.parts){let s=t.slice(r,r+o.n_buffers);r+=o.n_buffers,o.kind==="rows"?this.rows(s[0]):o.kind==="residency"?this.store.setResidency(o.layer,Re(s[0])):this.other(o,s)}this.store.received.messages++,this.seq=e.seq,this.acknowledge()}settle(){this.painted.token!==this.toldPainted&&this.acknowledge()}acknowledge(){let{token:e,frames:t,latencies:r}=this.painted;this.toldPainted=e,this.tell({kind:"ack",seq:this.seq,painted:e,frames:t,latencies:r.splice(0)})}rows(e){let t=this.store.tokens;this.store.apply(V(e))==="gap"?this.ask():this.asked=!1,this.store.received.rows+=Math.max(0,this.store.tokens-t)}other(e,t){e.kind==="hello"&&(this.asked=!1),e.kind==="error"&&(this.store.error=String(e.text)),this.store.hand(e,t)}load(){let e=this.model.get("run");!e||e.byteLength===0||this.store.apply(V(e))==="applied"&&this.store.received.snapshots++}kept(){for(let e of Object.values(this.model.get("state")??{}))this.store.keep(e)}ask(){this.asked||(this.asked=!0,this.model.send({kind:"snapshot?",run:this.store.place?.run??"",tokens:this.store.tokens}))}selected(e){let t=Object.fromEntries(e.map(r=>[r,this.model.get(r)]));this.store.select(t)}publish(){let{model:e,store:t}=this,r=I.filter(o=>e.get(o)!==t.selection[o]);for(let o of r)e.set(o,t.selection[o]);r.length&&e.save_changes()}gone(){this.store.connected=!1,this.store.changed()}};function Re(n){return new Uint8Array(n.buffer,n.byteOffset,n.byteLength)}var Ce=1500,$e=150,Pe=navigator.hardwareConcurrency<=4?30:0;function ne(n){let e=()=>{let t;return{initialize({model:r}){t=new R(r,new _)},render({model:r,el:o}){return t??=new R(r,new _),Le(n,o,t)}}};return Q(e),e}function Le(n,e,t){let{store:r,send:o}=t,s=n.ready??(f=>f.facts!==null),a=Ne(n,s);e.append(a.root);let l=n.make(a.body,r,o),i=!0,[u,c,p,g]=[0,0,0,0],y=()=>{u||=requestAnimationFrame(h)},m=()=>{i=!0,y()},h=f=>{if(u=0,f-c<Pe){y();return}a.show(r);let M=i;i=!1,s(r)&&l.draw(f,M)&&y(),Oe(t),c=f,g||=setTimeout(x,$e),clearTimeout(p),p=setTimeout($,Ce)},x=()=>{g=0,a.status(t)},$=async()=>{if(t.settle(),!s(r)||!r.connected||document.hidden||c===0)return;let f=await Y(a.root);f&&t.picture(f)},P=[r.onChange(m),Ue(a.root,m),He(a.root,m)];return a.root.addEventListener("keydown",f=>{G(f,r,o)&&(f.preventDefault(),f.stopPropagation())}),y(),()=>{for(let f of P)f();cancelAnimationFrame(u),clearTimeout(p),clearTimeout(g),l.destroy(),a.root.remove()}}function Oe({store:n,painted:e}){e.frames++;let t=n.tokens-1;if(t===e.token)return;e.token=t;let r=Date.now()-(n.place.epoch_ms+n.column("end_ms").at(t));t>=0&&!n.place.complete&&e.latencies.length<100&&e.latencies.push(Math.round(r*10)/10)}function Ne(n,e){let t=d("style","",{},ee),r=d("span","fm-of"),o=d("div","fm-head",{},d("span","fm-name",{},n.name),r),s=d("div","fm-body"),a=d("div","fm-empty",{},"Nothing to show yet. ",d("code","",{},n.hint)),l=d("div","fm-error",{role:"alert"}),i=d("div","fm-status"),u=d("div","fm-root",{role:"group","aria-label":n.name,tabindex:"0"});return u.append(t,o,s,a,l,i),{root:u,body:s,show(c){s.hidden=!e(c),a.hidden=e(c),v(r,c.facts?De(c):""),v(l,c.error),l.hidden=c.error===""},status({store:c,painted:p}){let{messages:g,rows:y,snapshots:m}=c.received;Object.assign(i.dataset,{tokens:c.tokens,painted:p.token,frames:p.frames}),Object.assign(i.dataset,{messages:g,rows:y,snapshots:m,connected:c.connected,shown:c.shownToken}),v(i,c.facts?Fe(c,p.token):"")}}}function De(n){let e=n.place?.complete?"recorded":"recording";return`${n.facts.label} · ${e} · ${n.facts.machine}`}function Fe(n,e){let{messages:t,rows:r}=n.received,o=`${b(n.tokens)} tokens, ${b(n.reads)} reads, newest painted: ${e<0?"none":e}`,s=t>1&&r>0?` · ${b(r)} live in ${b(t)} messages`:"",a=n.routedFirst,l=a>0?` · routing from token ${b(a)} on (${k(1-a/n.tokens)})`:"",i=t===0?"":" · no kernel: what it sent last";return o+s+l+(n.connected?"":i)}function He(n,e){let t=new ResizeObserver(e);return t.observe(n),()=>t.disconnect()}function Ue(n,e){let t=matchMedia("(prefers-color-scheme: dark)"),r=()=>{let s=getComputedStyle(n).getPropertyValue("--jp-ui-font-color1")!=="";n.classList.toggle("fm-plain",!s),n.classList.toggle("fm-dark",s?Be(n):t.matches),e()},o=new MutationObserver(r);return o.observe(document.body,{attributes:!0}),t.addEventListener("change",r),requestAnimationFrame(r),()=>{o.disconnect(),t.removeEventListener("change",r)}}function Be(n){let[e,t,r]=(getComputedStyle(n).backgroundColor.match(/[\d.]+/g)??["255","255","255"]).map(Number);return .299*e+.587*t+.114*r<128}var F=[{name:"surprise",label:"Surprise",title:"How little the model expected it, in bits",of:(n,e,t)=>W(n,t),text:n=>`${n.toFixed(1)} bits`,most:null},{name:"probability",label:"Probability",title:"What the model gave it before it was drawn",of:(n,e,t)=>Math.exp(n.column("token_logprob").at(t)),text:k,most:1},{name:"bytes",label:"Bytes read",title:"Expert bytes read for it; a prompt's tokens share theirs",of:(n,e,t)=>e.of(t).bytes/C(n,t),text:E,most:null},{name:"ssd",label:"From SSD",title:"Expert bytes that the page cache did not hold",of:(n,e,t)=>(e.of(t).bytes-e.of(t).hitBytes)/C(n,t),text:E,most:null},{name:"time",label:"Time",title:"Time of its pass; a prompt's tokens share theirs",of:(n,e,t)=>e.of(t).passMs/C(n,t),text:O,most:null}];function W(n,e){return-n.column("token_logprob").at(e)/Math.LN2}function C(n,e){if(n.column("phase").at(e)===S)return 1;let t=n.column("pass_start"),r=t.at(e);return A(t,r+1)-A(t,r)}function re(n,e){if(e!==null)return e;let t=n.filter(Number.isFinite).sort((r,o)=>r-o);return t.length&&(t[Math.floor((t.length-1)*.97)]||t[t.length-1])||1}function oe(n,e){let t=n.column("sampled_from_ids").rows(e),r=n.column("sampled_from_logprobs").rows(e);return[...t].map((o,s)=>[o,Math.exp(r[s])]).filter(([o])=>o>=0)}function H(n,e){let t=n.text(e);return t.includes("�")?[...n.column("text").rows(n.column("text_start").at(e),n.column("text_end").at(e))].map(o=>o<128?String.fromCharCode(o):`‹${o.toString(16)}›`).join(""):t}var j=1500;function se(n,e){let t=Math.min(n,Math.max(j,e+j/3));return[Math.max(0,Math.floor(t-j)),Math.floor(t)]}var ae=`.fm-strip {
  position: relative;
  max-height: 190px;
  overflow-y: auto;
  padding: 4px 6px;
  border: 1px solid var(--fm-line);
  font: 13px / 1.75 var(--jp-code-font-family, ui-monospace, monospace);
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}
.fm-token {
  cursor: pointer;
  border-radius: 2px;
  box-shadow: inset -1px 0 var(--fm-line);
  padding: 1px 1px;
}
.fm-token:hover {
  outline: 1px solid var(--fm-faint);
}
.fm-token.fm-prompt {
  border-bottom: 2px solid var(--fm-line);
}
.fm-token[aria-selected="true"] {
  outline: 2px solid var(--fm-accent);
  outline-offset: -1px;
}
.fm-scale {
  white-space: nowrap;
}
`;var Ie=.62,je=(n,e)=>{let{sums:t}=e,r=F[0],o=K("Colour by",F.map(({name:m,label:h,title:x})=>[m,h,x]),m=>{r=F.find(h=>h.name===m)??r,e.changed()}),s=U("follow","Follow","Show the newest token as it comes",()=>e.select({following:!e.selection.following,token:e.shownToken})),a=d("span","fm-faint fm-scale"),l=d("div","fm-strip",{role:"listbox","aria-label":"Tokens",tabindex:"0"}),i=d("div","fm-says",{"data-name":"says"}),u=d("div","fm-says",{"data-name":"alternatives"}),c=d("div","fm-row",{},o.el,s,a);n.append(d("style","",{},ae),c,l,i,u),l.addEventListener("click",m=>{let h=m.target.closest("[data-token]")?.dataset.token;h!==void 0&&e.select({token:Number(h),following:!1})});let p=new z(l,e),[g,y]=[-1,-1];return{draw(){let m=e.shownToken;o.show(r.name),s.setAttribute("aria-pressed",String(e.selection.following));let[h,x]=se(e.tokens,m),$=Array.from({length:x-h},(f,M)=>r.of(e,t,h+M)),P=re($,r.most);p.show(h,x);for(let[f,M]of $.entries())p.paint(h+f,M,P,r);p.mark(m),v(a,`0 to ${r.text(P)}${h>0?` · tokens ${b(h)} to ${b(x-1)}`:""}`),v(i,We(e,t,m)),v(u,qe(e,m)),(m!==g||x!==y)&&p.scrollTo(m),[g,y]=[m,x]},destroy:()=>{}}},z=class{constructor(e,t){this.strip=e;this.store=t}strip;store;made=new Map;run="";chosen;show(e,t){let r=this.store.place?.run??"",o=this.made.size>0&&!this.made.has(e);(r!==this.run||o)&&(this.strip.replaceChildren(),this.made.clear(),this.run=r);for(let[s,a]of this.made)s>=e&&s<t||(a.remove(),this.made.delete(s));for(let s=e;s<t;s++)this.made.has(s)||this.add(s)}paint(e,t,r,o){let s=this.made.get(e);if(!s)return;let a=Number.isFinite(t),l=a&&r>0?Math.max(0,Math.min(1,t/r))*Ie:0,i=`${o.name} ${a?o.text(t):"not known"}`;if(s.dataset.value===i)return;s.dataset.value=i;let u=o.name==="bytes"||o.name==="ssd"||o.name==="time"?w.ssd:w.mark;s.style.background=a?`color-mix(in srgb, ${u} ${(l*100).toFixed(0)}%, transparent)`:"",s.classList.toggle("fm-unknown",!a),s.title=`token ${e}: ${i}`}mark(e){let t=this.made.get(e);t!==this.chosen&&(this.chosen?.setAttribute("aria-selected","false"),t?.setAttribute("aria-selected","true"),this.chosen=t)}scrollTo(e){let t=this.made.get(e);if(!t)return;let[r,o]=[t.offsetTop,t.offsetTop+t.offsetHeight],{scrollTop:s,clientHeight:a}=this.strip;(r<s||o>s+a)&&(this.strip.scrollTop=o-a*.7)}add(e){let t=H(this.store,e),r=d("span","fm-token",{role:"option","data-token":String(e),"aria-selected":"false"});r.classList.toggle("fm-prompt",this.store.column("phase").at(e)!==S),r.textContent=t.replaceAll(`
`,`⏎
`).replaceAll("	","⇥	")||"∅",this.strip.append(r),this.made.set(e,r)}};function We(n,e,t){if(t<0)return"No token yet.";let r=c=>n.column(c).at(t),o=Math.exp(r("token_logprob")),s=Number.isFinite(o)?`probability ${k(o)}, ${W(n,t).toFixed(1)} bits, ${ze(r("token_rank"))}`:r("phase")===S?"what it was drawn from is not known":"given, not drawn",a=e.of(t),l=C(n,t),i=l>1?`, shared by ${b(l)} tokens of the prompt`:"",u=a.reads?`${E(a.bytes)} read${i}, ${k(a.hitBytes/a.bytes)} from the page cache; `:"";return`Token ${t} “${B(H(n,t))}” (id ${r("token_id")}): ${s}; ${u}${O(a.passMs)}${i&&!u?i:""}`}function ze(n){return n===0?"the likeliest":`${b(n)} were likelier`}function qe(n,e){let t=oe(n,e);return t.length===0?"":`Drawn from: ${t.map(([r,o])=>`${Ke(n,r)} ${k(o)}`).join(" · ")}`}function Ke(n,e){let r=n.column("token_id").rows(0,n.tokens).indexOf(e);return r<0?`id ${e}`:`“${B(H(n,r))}”`}var Ot=ne({name:"TokenStrip",hint:"TokenStrip(session), or TokenStrip(fm.load_trace(path))",make:je});export{Ot as default,je as makeTokenStrip};
