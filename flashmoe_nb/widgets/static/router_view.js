// widgets/src sha256 e08192555c1cd45940cdcaa2b6b4d849c24ff68bcc0a35de6ba900ae8effc915
var Te="440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",Ce="00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";function ne(r){let e=r.split(" ").map(n=>Number.parseInt(n,16)),t=(n,o)=>n>>o&255;return Uint32Array.from({length:256},(n,o)=>{let s=o/255*(e.length-1),i=Math.min(Math.floor(s),e.length-2),l=a=>Math.round(t(e[i],a)*(i+1-s)+t(e[i+1],a)*(s-i));return H(l(16),l(8),l(0))})}function H(r,e,t,n=255){return(n<<24|t<<16|e<<8|r)>>>0}var _=ne(Te),k=ne(Ce);function R(r,e){return r[Math.max(0,Math.min(255,Math.round(e*255)))]}function v(r){return`rgb(${r&255} ${r>>8&255} ${r>>16&255})`}var w={cache:"#009E73",partly:"#CC79A7",ssd:"#E69F00",unknown:"#999999",mark:"#0072B2"};function U(r){let e=getComputedStyle(r),t=n=>e.getPropertyValue(n).trim();return{dark:r.closest(".fm-dark")!==null,text:t("--fm-text"),faint:t("--fm-faint"),line:t("--fm-line"),paper:t("--fm-paper"),accent:t("--fm-accent"),font:e.fontFamily}}function m(r,e,t={},...n){let o=document.createElement(r);e&&(o.className=e);for(let[s,i]of Object.entries(t))o.setAttribute(s,i);return o.append(...n),o}function S(r,e,t,n){let o=m("button","",{type:"button","data-name":r,title:t},e);return o.addEventListener("click",n),o}function b(r,e){r.textContent!==e&&(r.textContent=e)}function re(r,e,t){let n=m("span","fm-group",{role:"radiogroup","aria-label":r}),o=e.map(([s,i,l])=>{let a=S(s,i,l,()=>t(s));return a.setAttribute("role","radio"),n.append(a),a});return{el:n,show(s){for(let i of o)i.setAttribute("aria-checked",String(i.dataset.name===s))}}}function M(r){return r.toLocaleString("en")}function I(r){return r>=1e3?`${q(r/1e3)} s`:r>=1?`${q(r)} ms`:`${q(r*1e3)} µs`}function E(r){return Number.isFinite(r)?`${(r*100).toFixed(1)} %`:"unknown"}function D(r){return r.replaceAll(`
`,"⏎").replaceAll("	","⇥").replaceAll(" ","␣")}function q(r){return r>=999.5?r.toFixed(0):r.toPrecision(3)}async function oe(r){let{width:e,height:t}=r.getBoundingClientRect();if(e<1||t<1)return null;let n=r.cloneNode(!0),[o,s]=[r.querySelectorAll("canvas"),n.querySelectorAll("canvas")];o.forEach((a,d)=>{if(a.hidden){s[d].remove();return}let c=new Image;c.src=a.toDataURL(),c.setAttribute("style",`${a.getAttribute("style")};display:block`),s[d].replaceWith(c)}),Ne(r,n),$e(r,n);let i=new XMLSerializer().serializeToString(n),l=`<svg xmlns="http://www.w3.org/2000/svg" width="${e}" height="${t}"><foreignObject width="100%" height="100%">${i}</foreignObject></svg>`;try{return await Le(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(l)}`,e,t)}catch{return null}}function Ne(r,e){let t=e.querySelectorAll("input");r.querySelectorAll("input").forEach((s,i)=>{t[i].setAttribute("value",s.value),t[i].toggleAttribute("checked",s.checked)});let n=e.querySelectorAll("textarea");r.querySelectorAll("textarea").forEach((s,i)=>{n[i].textContent=s.value});let o=e.querySelectorAll("select");r.querySelectorAll("select").forEach((s,i)=>{[...o[i].options].forEach((l,a)=>{l.toggleAttribute("selected",a===s.selectedIndex)})})}function $e(r,e){let t=getComputedStyle(r);for(let n of["text","faint","line","paper","raised","accent","warn","error"])e.style.setProperty(`--fm-${n}`,t.getPropertyValue(`--fm-${n}`));e.style.font=t.font}async function Le(r,e,t){let n=new Image;n.src=r,await n.decode();let o=document.createElement("canvas");o.width=Math.round(e),o.height=Math.round(t),o.getContext("2d").drawImage(n,0,0);let s=await new Promise(i=>o.toBlob(i,"image/png"));return s?s.arrayBuffer():null}function se(r,e,t){if(r.ctrlKey||r.metaKey||r.altKey)return!1;let n=r.target,o=n.closest("input, select, textarea")!==null;if(r.key==="Escape")e.select({layer:-1,expert:-1,token:-1,following:!0});else{if(o)return!1;if(r.key==="ArrowLeft"||r.key==="ArrowRight")Pe(e,r.key==="ArrowRight"?1:-1);else if(r.key==="ArrowUp"||r.key==="ArrowDown"){if(Oe(n))return!1;He(e,r.key==="ArrowDown"?1:-1)}else if(r.key===" "&&!n.closest("button"))t("toggle");else return!1}return!0}function Oe(r){let e=r.closest('[tabindex="0"]:not(.fm-root)');return e!==null&&e.scrollHeight>e.clientHeight}function Pe(r,e){let t=Math.max(0,Math.min(r.tokens-1,r.shownToken+e));r.tokens&&r.select({token:t,following:!1})}function He(r,e){let t=r.facts?.sparse_layers??[];if(t.length===0)return;let n=r.layerRow(r.selection.layer),o=n<0?e>0?0:t.length-1:Math.max(0,Math.min(t.length-1,n+e));r.select({layer:t[o],expert:-1})}var ie="fm-page",ae;function le(r){ae=r,queueMicrotask(()=>{ae===r&&Ue(r)})}function Ue(r){let e=document.getElementById(ie),t=document.getElementById(`${ie}-data`);if(!e||!t)return;let{traits:n,run:o}=JSON.parse(t.textContent??"{}"),s=r(),i=De({...n,run:Ie(o)});s.initialize({model:i}),s.render({model:i,el:e})}function Ie(r){return new DataView(Uint8Array.from(atob(r),e=>e.charCodeAt(0)).buffer)}function De(r){return{get:e=>r[e],set:(e,t)=>{r[e]=t},save_changes:()=>{},send:()=>{},on:()=>{}}}var C=class{constructor(e,t,n=96e6){this.width=t;this.mostBytes=n;this.data=e}width;mostBytes;first=0;end=0;data;has(e){return e>=this.first&&e<this.end}at(e,t=0){return this.has(e)?this.data[(e-this.first)*this.width+t]:Number.NaN}rows(e,t=e+1){let n=Math.max(e,this.first)-this.first,o=Math.min(t,this.end)-this.first;return this.data.subarray(n*this.width,Math.max(n,o)*this.width)}append(e,t){let n=Math.max(0,this.end-e),o=this.width?t.length/this.width:0;e>this.end&&(this.first=this.end=e);let s=t.subarray(n*this.width);s.length!==0&&(this.reserve(s.length),this.data.set(s,(this.end-this.first)*this.width),this.end=e+o)}reserve(e){let t=(this.end-this.first)*this.width;if(t+e<=this.data.length)return;let n=this.data.subarray(0,t);if((t+e)*this.data.BYTES_PER_ELEMENT>this.mostBytes&&this.width>1){let o=Math.floor((this.end-this.first)/2);this.data=this.grown(n.subarray(o*this.width),e),this.first+=o}else this.data=this.grown(n,Math.max(e,t))}grown(e,t){let n=this.data.constructor,o=new n(e.length+t);return o.set(e),o}};var V={PAGE_CACHE:0,PARTLY:1,SSD:2,INFERRED_PAGE_CACHE:3,INFERRED_SSD:4},de=["page cache","partly page cache","SSD","page cache, inferred from its time","SSD, inferred from its time"],ue=[w.cache,w.partly,w.ssd,w.cache,w.ssd];function ce(r){return r.source===V.PARTLY?r.before:r.source===V.PAGE_CACHE||r.source===V.INFERRED_PAGE_CACHE?1:0}function Ve(r){return r>=V.INFERRED_PAGE_CACHE}function Fe(r,e){let[t,n]=r.readsOf(e);return Array.from({length:Math.max(0,n-t)},(o,s)=>We(r,t+s))}function We(r,e){let t=n=>r.column(`read_${n}`).at(e);return{row:e,layer:t("layer"),expert:t("expert"),thread:t("thread"),bytes:t("bytes"),start:t("start_ms"),end:t("end_ms"),before:t("resident_fraction_before"),source:t("source")}}function Be(r,e){let t=n=>je(n.map(o=>[o.start,o.end]));return{reads:r.length,bytes:r.reduce((n,o)=>n+o.bytes,0),hitBytes:r.reduce((n,o)=>n+o.bytes*ce(o),0),inferred:r.some(n=>Ve(n.source)),readMs:t(r),ssdMs:t(r.filter(n=>ce(n)<1)),passMs:e}}function je(r){let[e,t]=[0,Number.NEGATIVE_INFINITY];for(let[n,o]of[...r].sort((s,i)=>s[0]-i[0]))e+=Math.max(0,o-Math.max(n,t)),t=Math.max(t,o);return e}var F=class{constructor(e){this.store=e}store;run="";known=new Map;of(e){let t=this.store.place?.run??"";t!==this.run&&this.known.clear(),this.run=t;let n=this.store.column("pass_start").at(e),o=this.known.get(n);if(o)return o;let s=this.store.column("end_ms").at(e)-this.store.column("start_ms").at(e),i=Be(Fe(this.store,e),s);return i.reads>0&&this.known.set(n,i),i}recent(e,t){let n=[];for(let o=e;o>=0&&n.length<t;o--)this.store.column("phase").at(o)===K&&n.push(this.of(o));return n.reverse()}},K=1;var A=255,N=class{facts=null;place=null;tokens=0;reads=0;countsBefore=new Uint32Array(0);residency=new Uint8Array(0);selection={token:-1,layer:-1,expert:-1,following:!0};connected=!1;error="";received={messages:0,rows:0,snapshots:0};sums=new F(this);columns=new Map;listeners=new Set;handlers=new Map;kept=new Map;column(e){let t=this.columns.get(e);return t||(t=new C(new Float32Array(0),1),this.columns.set(e,t)),t}get routedFirst(){return this.column("expert_ids").first}get keptExperts(){return this.column("expert_ids").width/Math.max(1,this.facts?.sparse_layers.length??1)}chosen(e,t){let n=this.keptExperts,o=this.column("expert_ids").rows(e).subarray(t*n,(t+1)*n),s=0;for(;s<o.length&&o[s]<this.facts.num_experts;)s++;return o.subarray(0,s)}get shownToken(){let{token:e,following:t}=this.selection;return t||e<0||e>=this.tokens?this.tokens-1:e}layerRow(e){return this.facts?this.facts.sparse_layers.indexOf(e):-1}text(e,t=e+1){let n=this.column("text_start").at(e),o=this.column("text_end").at(Math.min(t,this.tokens)-1);return Number.isNaN(n+o)?"":new TextDecoder().decode(this.column("text").rows(n,o))}readsOf(e){let t=this.column("pass_start").at(e),n=this.column("read_token");return[he(n,t),he(n,t+1)]}apply(e){let t=JSON.parse(e.metadata.place);if(t.run!==this.place?.run){if(!e.metadata.facts)return"gap";this.reset(JSON.parse(e.metadata.facts))}else if(t.token_row>this.tokens)return"gap";let n=e.tensors.get("token_id")?.shape[0]??0,o=t.complete!==this.place?.complete;this.place=t;let s=this.tokens;return(t.token_row+n>this.tokens||o||n===0)&&this.take(e,t,n),this.changed(),this.tokens>s||o?"applied":"nothing new"}setResidency(e,t){let n=this.layerRow(e);n<0||!this.facts||(this.residency.set(t,n*this.facts.num_experts),this.changed())}select(e){let t={...this.selection,...e};Object.keys(t).every(o=>t[o]===this.selection[o])||(Object.assign(this.selection,e),this.changed())}onChange(e){return this.listeners.add(e),()=>this.listeners.delete(e)}changed(){for(let e of this.listeners)e()}onPart(e,t){let n=this.handlers.get(e)??new Set;this.handlers.set(e,n.add(t));let o=this.kept.get(e);return o&&t(o,[]),()=>n.delete(t)}keeps(e){return this.kept.has(e)}keep(e){this.kept.set(e.kind,e),this.hand(e,[])}hand(e,t){for(let n of this.handlers.get(e.kind)??[])n(e,t);this.changed()}reset(e){let t=e.sparse_layers.length*e.num_experts;this.facts=e,this.place=null,this.tokens=this.reads=0,this.columns=new Map,this.countsBefore=new Uint32Array(t),this.residency=new Uint8Array(t).fill(A),this.error=""}take(e,t,n){let o=e.tensors.get("counts_before");o&&t.routed_row>this.column("expert_ids").end&&this.countsBefore.set(o.values);for(let[s,i]of e.tensors)s!=="counts_before"&&(this.column(s).end===0&&this.columns.set(s,Ge(i)),this.put(s,Ye(s,t),i.values));this.tokens=Math.max(this.tokens,t.token_row+n),this.reads=this.column("read_token").end}put(e,t,n){let o=this.column(e);if(e!=="expert_ids"){o.append(t,n);return}let[s,i]=[o.first,o.rows(o.first,o.end)];o.append(t,n),o.first>s&&o.first<t&&this.count(i.subarray(0,(o.first-s)*o.width))}count(e){let{num_experts:t,sparse_layers:n}=this.facts;for(let o=0;o<e.length;o++){let s=Math.floor(o/this.keptExperts)%n.length;e[o]<t&&this.countsBefore[s*t+e[o]]++}}},ze=new Set(["expert_ids","routing_weights","router_entropy","kept_mass","router_margin"]);function Ye(r,e){return r==="text"?e.text_byte:r.startsWith("read_")?e.read_row:r.startsWith("patch_")?e.patch_row:ze.has(r)||r.startsWith("layer_")?e.routed_row:e.token_row}function Ge(r){let e=r.shape.slice(1).reduce((t,n)=>t*n,1);return new C(r.values.slice(0,0),e)}function he(r,e){let[t,n]=[r.first,r.end];for(;t<n;){let o=t+n>>1;r.at(o)<e?t=o+1:n=o}return t}var me=`.fm-root {
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
`;var pe={F64:Float64Array,F32:Float32Array,I32:Int32Array,I16:Int16Array,U32:Uint32Array,U16:Uint16Array,U8:Uint8Array};function X(r){let e=Number(r.getBigUint64(0,!0)),t=new TextDecoder().decode(new Uint8Array(r.buffer,r.byteOffset+8,e)),n=JSON.parse(t),o=n.__metadata__??{},s=r.byteOffset+8+e,i=new Map;for(let[l,{dtype:a,shape:d,data_offsets:c}]of Object.entries(n)){if(l==="__metadata__")continue;let u=pe[a];if(!u)throw new Error(`array "${l}" has the type ${a}, expected one of ${Object.keys(pe).join(", ")}`);let h=new u(r.buffer.slice(s+c[0],s+c[1]));i.set(l,{shape:d,values:h})}return{metadata:o,tensors:i}}var J=["token","layer","expert","following"],$=class{constructor(e,t){this.model=e;this.store=t;e.on("msg:custom",(n,o)=>this.receive(n,o)),e.on("change:run",()=>this.load()),e.on("change:state",()=>this.kept());for(let n of J)e.on(`change:${n}`,()=>this.selected([n]));e.on("comm_live_update",()=>this.gone()),this.load(),this.kept(),this.selected(J),t.onChange(()=>this.publish()),this.ask()}model;store;painted={token:-1,frames:0,latencies:[]};asked=!1;seq=0;toldPainted=-1;send=(e,t={})=>{this.tell({kind:"command",name:e,args:t})};picture(e){this.tell({kind:"picture"},[e])}tell(e,t=[]){if(this.store.connected)try{this.model.send(e,void 0,t)}catch{this.gone()}}receive(e,t){if(e?.parts===void 0)return;this.store.connected=!0;let n=0;for(let o of e.parts){let s=t.slice(n,n+o.n_buffers);n+=o.n_buffers,o.kind==="rows"?this.rows(s[0]):o.kind==="residency"?this.store.setResidency(o.layer,Ke(s[0])):this.other(o,s)}this.store.received.messages++,this.seq=e.seq,this.acknowledge()}settle(){this.painted.token!==this.toldPainted&&this.acknowledge()}acknowledge(){let{token:e,frames:t,latencies:n}=this.painted;this.toldPainted=e,this.tell({kind:"ack",seq:this.seq,painted:e,frames:t,latencies:n.splice(0)})}rows(e){let t=this.store.tokens;this.store.apply(X(e))==="gap"?this.ask():this.asked=!1,this.store.received.rows+=Math.max(0,this.store.tokens-t)}other(e,t){e.kind==="hello"&&(this.asked=!1),e.kind==="error"&&(this.store.error=String(e.text)),this.store.hand(e,t)}load(){let e=this.model.get("run");!e||e.byteLength===0||this.store.apply(X(e))==="applied"&&this.store.received.snapshots++}kept(){for(let e of Object.values(this.model.get("state")??{}))this.store.keep(e)}ask(){this.asked||(this.asked=!0,this.model.send({kind:"snapshot?",run:this.store.place?.run??"",tokens:this.store.tokens}))}selected(e){let t=Object.fromEntries(e.map(n=>[n,this.model.get(n)]));this.store.select(t)}publish(){let{model:e,store:t}=this,n=J.filter(o=>e.get(o)!==t.selection[o]);for(let o of n)e.set(o,t.selection[o]);n.length&&e.save_changes()}gone(){this.store.connected=!1,this.store.changed()}};function Ke(r){return new Uint8Array(r.buffer,r.byteOffset,r.byteLength)}var Xe=1500,Je=150,Qe=navigator.hardwareConcurrency<=4?30:0;function fe(r){let e=()=>{let t;return{initialize({model:n}){t=new $(n,new N)},render({model:n,el:o}){return t??=new $(n,new N),Ze(r,o,t)}}};return le(e),e}function Ze(r,e,t){let{store:n,send:o}=t,s=r.ready??(y=>y.facts!==null),i=tt(r,s);e.append(i.root);let l=r.make(i.body,n,o),a=!0,[d,c,u,h]=[0,0,0,0],p=()=>{d||=requestAnimationFrame(T)},g=()=>{a=!0,p()},T=y=>{if(d=0,y-c<Qe){p();return}i.show(n);let Ae=a;a=!1,s(n)&&l.draw(y,Ae)&&p(),et(t),c=y,h||=setTimeout(P,Je),clearTimeout(u),u=setTimeout(_e,Xe)},P=()=>{h=0,i.status(t)},_e=async()=>{if(t.settle(),!s(n)||!n.connected||document.hidden||c===0)return;let y=await oe(i.root);y&&t.picture(y)},Re=[n.onChange(g),st(i.root,g),ot(i.root,g)];return i.root.addEventListener("keydown",y=>{se(y,n,o)&&(y.preventDefault(),y.stopPropagation())}),p(),()=>{for(let y of Re)y();cancelAnimationFrame(d),clearTimeout(u),clearTimeout(h),l.destroy(),i.root.remove()}}function et({store:r,painted:e}){e.frames++;let t=r.tokens-1;if(t===e.token)return;e.token=t;let n=Date.now()-(r.place.epoch_ms+r.column("end_ms").at(t));t>=0&&!r.place.complete&&e.latencies.length<100&&e.latencies.push(Math.round(n*10)/10)}function tt(r,e){let t=m("style","",{},me),n=m("span","fm-of"),o=m("div","fm-head",{},m("span","fm-name",{},r.name),n),s=m("div","fm-body"),i=m("div","fm-empty",{},"Nothing to show yet. ",m("code","",{},r.hint)),l=m("div","fm-error",{role:"alert"}),a=m("div","fm-status"),d=m("div","fm-root",{role:"group","aria-label":r.name,tabindex:"0"});return d.append(t,o,s,i,l,a),{root:d,body:s,show(c){s.hidden=!e(c),i.hidden=e(c),b(n,c.facts?nt(c):""),b(l,c.error),l.hidden=c.error===""},status({store:c,painted:u}){let{messages:h,rows:p,snapshots:g}=c.received;Object.assign(a.dataset,{tokens:c.tokens,painted:u.token,frames:u.frames}),Object.assign(a.dataset,{messages:h,rows:p,snapshots:g,connected:c.connected,shown:c.shownToken}),b(a,c.facts?rt(c,u.token):"")}}}function nt(r){let e=r.place?.complete?"recorded":"recording";return`${r.facts.label} · ${e} · ${r.facts.machine}`}function rt(r,e){let{messages:t,rows:n}=r.received,o=`${M(r.tokens)} tokens, ${M(r.reads)} reads, newest painted: ${e<0?"none":e}`,s=t>1&&n>0?` · ${M(n)} live in ${M(t)} messages`:"",i=r.routedFirst,l=i>0?` · routing from token ${M(i)} on (${E(1-i/r.tokens)})`:"",a=t===0?"":" · no kernel: what it sent last";return o+s+l+(r.connected?"":a)}function ot(r,e){let t=new ResizeObserver(e);return t.observe(r),()=>t.disconnect()}function st(r,e){let t=matchMedia("(prefers-color-scheme: dark)"),n=()=>{let s=getComputedStyle(r).getPropertyValue("--jp-ui-font-color1")!=="";r.classList.toggle("fm-plain",!s),r.classList.toggle("fm-dark",s?it(r):t.matches),e()},o=new MutationObserver(n);return o.observe(document.body,{attributes:!0}),t.addEventListener("change",n),requestAnimationFrame(n),()=>{o.disconnect(),t.removeEventListener("change",n)}}function it(r){let[e,t,n]=(getComputedStyle(r).backgroundColor.match(/[\d.]+/g)??["255","255","255"]).map(Number);return .299*e+.587*t+.114*n<128}function B(r,e){let t=document.createElement("canvas");t.className="fm-canvas",t.setAttribute("role","img"),t.setAttribute("aria-label",e),r.append(t);let n=t.getContext("2d"),[o,s]=[0,0];return{canvas:t,context:n,get width(){return o},get height(){return s},fit(i){let l=globalThis.devicePixelRatio||1,a=Math.max(200,Math.floor(r.clientWidth)),d=a!==o||i!==s||t.width!==Math.round(a*l);return d&&([o,s]=[a,i],t.width=Math.round(a*l),t.height=Math.round(i*l),t.style.width=`${a}px`,t.style.height=`${i}px`),n.setTransform(l,0,0,l,0,0),d}}}var W=class{canvas=document.createElement("canvas");context;image;constructor(){this.context=this.canvas.getContext("2d"),this.image=this.context.createImageData(1,1)}fill(e,t,n){(this.image.width!==e||this.image.height!==t)&&(this.canvas.width=e,this.canvas.height=t,this.image=this.context.createImageData(e,t));let o=new Uint32Array(this.image.data.buffer);for(let s=0;s<o.length;s++)o[s]=n(s);this.context.putImageData(this.image,0,0)}};var at=96;function ge(r,e,t){let n=m("div","fm-layer"),o=m("div","fm-row",{"data-name":"layer_says"}),s=m("div","fm-ranks",{role:"list","aria-label":"experts chosen, by weight"}),i=S("all_probabilities","All probabilities","Ask the router for its softmax over all experts",()=>t("router",{layer:e.selection.layer,token:e.shownToken})),l=m("span","fm-faint",{"data-name":"layer_note"}),a=m("div","fm-probabilities"),d=B(a,"probability of every expert");n.append(o,s,m("div","fm-row",{},i,l),a),r.append(n);let c=null,u=e.onPart("router",(h,p)=>{c=lt(h,p),b(l,h.note??"")});return{draw(){let h=e.layerRow(e.selection.layer);if(n.hidden=h<0,h<0)return;let p=e.shownToken;b(o,ct(e,h,p)),ut(s,e,h,p),i.disabled=!e.connected;let g=c!==null&&c.layer===e.selection.layer&&c.token===p;a.hidden=!g,a.dataset.token=g?String(p):"",g&&mt(d,c,e,h)},destroy:u}}function lt(r,e){if(e.length===0)return null;let{buffer:t,byteOffset:n,byteLength:o}=e[0],s=new Float32Array(t.slice(n,n+o));return{layer:r.layer,token:r.token,probabilities:s}}function ct(r,e,t){let[n,o,s]=["kept_mass","router_margin","router_entropy"].map(a=>r.column(a).at(t,e));if(Number.isNaN(n))return`layer ${r.selection.layer}: the routing of token ${t} is not here any more`;let i=`layer ${r.selection.layer}, token ${t} "${D(r.text(t))}"`,l=`kept mass ${E(n)} of the softmax, margin ${o.toPrecision(3)} in logits`;return`${i}: ${l}, entropy ${s.toFixed(2)} of ${Math.log(r.facts.num_experts).toFixed(2)} nats${dt(r,t)}`}function dt(r,e){let{layer:t}=r.selection,[n,o]=["layer_routed_ms","layer_read_ms"].map(s=>r.column(s).at(e,t));return Number.isFinite(o-n)?`, experts read in ${I(o-n)}`:""}function ut(r,e,t,n){let o=e.chosen(n,t),s=o.length,i=t*e.keptExperts,l=e.column("routing_weights").rows(n).subarray(i,i+s);for(;r.childElementCount>s;)r.lastElementChild.remove();for(;r.childElementCount<s;)r.append(ht(e));let a=Math.max(...l,0);[...r.children].forEach((d,c)=>{let u=d;u.dataset.expert=String(o[c]),u.style.setProperty("--fm-share",String(a?l[c]/a:0)),u.setAttribute("aria-pressed",String(e.selection.expert===o[c])),u.title=`rank ${c+1}: expert ${o[c]}, weight ${l[c].toFixed(4)}`,b(u,`${o[c]} · ${l[c].toFixed(3)}`)})}function ht(r){let e=S("rank","","",()=>{let t=Number(e.dataset.expert);r.select({expert:t===r.selection.expert?-1:t})});return e.className="fm-rank",e}function mt(r,{probabilities:e},t,n){r.fit(at);let{context:o,width:s,height:i,canvas:l}=r,a=U(l),d=new Set(t.chosen(t.shownToken,n)),c=e.reduce((h,p)=>Math.max(h,p),0),u=s/e.length;o.clearRect(0,0,s,i),e.forEach((h,p)=>{let g=Math.max(1,h/c*(i-16));o.fillStyle=d.has(p)?w.ssd:a.faint;let T=d.has(p)?Math.max(2,u):Math.max(1,u-.5);o.fillRect(p*u,i-g,T,g)}),o.fillStyle=a.faint,o.font=`11px ${a.font}`,o.textBaseline="top",o.fillText(`${E(c)}: expert ${e.indexOf(c)}; the chosen are orange`,2,0)}var j=class{counts=new Uint32Array(0);lastToken=new Int32Array(0);lastRead=new Int32Array(0);next=0;run="";upTo(e,t){let n=e.place?.run??"",o=e.routedFirst>this.next;if((n!==this.run||o||t+1<this.next)&&this.restart(e,n),t<this.next)return;let s=Math.max(this.next,e.routedFirst);this.choose(e,s,t),this.read(e,this.next,t),this.next=t+1}restart(e,t){this.run=t,this.next=0,this.counts=Uint32Array.from(e.countsBefore),this.lastToken=new Int32Array(this.counts.length).fill(-1),this.lastRead=new Int32Array(this.counts.length).fill(-1)}choose(e,t,n){let o=e.facts.num_experts,s=e.column("expert_ids"),i=e.keptExperts;for(let l=t;l<=n;l++){let a=s.rows(l);for(let d=0;d<a.length;d++){if(a[d]>=o)continue;let c=Math.floor(d/i)*o+a[d];this.counts[c]++,this.lastToken[c]=l}}}read(e,t,n){let o=e.facts.num_experts,[s,i]=[e.column("read_layer"),e.column("read_expert")],l=Math.max(e.readsOf(t)[0],s.first),a=e.readsOf(n)[1];for(let d=l;d<a;d++){let c=e.layerRow(s.at(d));c>=0&&(this.lastRead[c*o+i.at(d)]=d)}}};function ye(r,e){if(!r.column("expert_ids").has(e-1))return null;let[t,n]=[0,0];for(let o of r.facts.sparse_layers.keys()){let[s,i]=[r.chosen(e,o),r.chosen(e-1,o)];t+=s.length;for(let l of s)i.indexOf(l)>=0&&n++}return{chosen:t,again:n}}function xe(r,e,t){let{sparse_layers:n,num_experts:o}=r.facts,s=new Float32Array(n.length*o),i=r.column("expert_ids"),l=r.keptExperts;for(let a=Math.max(i.first,e-28);a<e;a++){let d=i.rows(a),c=t**(e-a);for(let u=0;u<d.length;u++)d[u]<o&&(s[Math.floor(u/l)*o+d[u]]+=c)}return s}var z=254;var we=.82,Q=H(128,128,128,90),pt=1711276032,Z=256,ft=ue.map(gt),O={now:{text:"This token",title:"Experts chosen for this token over the glow of those before",colours({store:r,token:e,settled:t}){let n=xe(r,e,we),o=we**(t-1);return s=>R(_,Math.min(.8,.55*o*n[s]))},legend:()=>[["mark","chosen for this token"],[v(R(_,.6)),"chosen for the tokens before, fading"]]},counts:{text:"Counts",title:"How often each expert was chosen up to this token, on a logarithmic scale",colours({usage:r}){let e=r.counts.reduce((n,o)=>Math.max(n,o),1),t=Uint32Array.from({length:e+1},(n,o)=>R(_,Math.log1p(o)/Math.log1p(e)));return n=>t[r.counts[n]]},legend({usage:r}){let e=r.counts.reduce((t,n)=>Math.max(t,n),1);return[[v(_[0]),"never"],[v(_[128]),`${Math.round(Math.expm1(Math.log1p(e)/2))} times`],[v(_[255]),`${e} times`]]}},recency:{text:"Recency",title:"How long ago each expert was chosen, on a logarithmic scale",colours({usage:r,token:e}){let t=Math.log1p(Z);return n=>{let o=r.lastToken[n];return o===-1?Q:R(k,1-Math.log1p(e-o)/t)}},legend:()=>[[v(k[255]),"this token"],[v(R(k,1-Math.log1p(16)/Math.log1p(Z))),"16 tokens ago"],[v(k[0]),`${Z} or more`],[Y(),"never"]]},residency:{text:"Residency",title:"How much of each expert the page cache holds now",colours({store:r}){return e=>{let t=r.residency[e];return t===A?Q:R(k,t/z)}},legend:({store:r})=>r.residency.every(e=>e===A)?[[Y(),"unknown: a live session is swept, a trace holds no residency"]]:[[v(k[0]),"not in the page cache"],[v(k[255]),"wholly in the page cache"],[Y(),"unknown"]]},source:{text:"Hit or miss",title:"Where the last read of each expert came from",colours({store:r,usage:e,token:t}){let n=r.column("read_source"),o=n.rows(n.first,n.end),[s]=r.readsOf(t);return i=>{let l=e.lastRead[i];if(l<n.first)return Q;let a=ft[o[l-n.first]];return l<s?(a&16777215|pt)>>>0:a}},legend:()=>[[w.cache,"page cache"],[w.partly,"partly"],[w.ssd,"SSD"],[Y(),"never read; faint: read for a token before"]]}};function gt(r){let[e,t,n]=[1,3,5].map(o=>Number.parseInt(r.slice(o,o+2),16));return H(e,t,n)}function Y(){return"rgb(128 128 128 / 35%)"}var f=40,x=16,yt=480,G=class{sheet;brush=null;grid=new W;window=null;rowHeight=1;constructor(e){this.sheet=B(e,"experts by layer: a row for each layer, a column for each expert")}cellAt(e,t){let n=this.window;if(!n||t<x||t>=x+this.rowHeight*(n.rows.end-n.rows.start))return null;let o=n.rows.start+Math.floor((t-x)/this.rowHeight);if(e<f)return{row:o,expert:-1};let s=n.experts.start+Math.floor((e-f)/this.expertWidth);return s<n.experts.end?{row:o,expert:s}:null}draw(e,t,n){this.window=n;let o=n.rows.end-n.rows.start;this.rowHeight=Math.max(5,Math.min(26,Math.floor(yt/o))),this.sheet.fit(x+this.rowHeight*o+2);let{context:s,width:i,height:l}=this.sheet,{theme:a}=e;s.clearRect(0,0,i,l),this.cells(e,t,n),this.marks(e,t),s.fillStyle=a.faint,s.strokeStyle=a.text,s.font=`11px ${a.font}`,this.labels(e),this.selected(e,a.accent),this.brushed(a.accent)}get expertWidth(){let{start:e,end:t}=this.window.experts;return(this.sheet.width-f)/(t-e)}cells(e,t,{experts:n,rows:o}){let{context:s,width:i}=this.sheet,l=n.end-n.start,a=e.store.facts.num_experts,d=O[t].colours(e),c=o.end-o.start;this.grid.fill(l,c,u=>{let h=Math.floor(u/l);return d((o.start+h)*a+n.start+(u-h*l))}),s.imageSmoothingEnabled=!1,s.drawImage(this.grid.canvas,f,x,i-f,this.rowHeight*c),s.fillStyle=e.theme.dark?"rgb(17 17 17 / 60%)":"rgb(255 255 255 / 60%)";for(let u=1;u<c;u++)s.fillRect(f,x+u*this.rowHeight-.5,i-f,1)}marks({store:e,token:t,theme:n},o){let{context:s}=this.sheet,{experts:i,rows:l}=this.window,a=e.keptExperts,d=e.column("expert_ids").rows(t),c=e.column("routing_weights").rows(t),u=Math.max(3,this.expertWidth);for(let h=0;h<d.length;h++){let p=Math.floor(h/a);if(p<l.start||p>=l.end||d[h]<i.start||d[h]>=i.end)continue;let g=f+(d[h]-i.start+.5)*this.expertWidth-u/2,T=x+(p-l.start)*this.rowHeight,P=this.rowHeight-1;o==="now"?(s.fillStyle=xt(c[h]*a),s.fillRect(g,T,u,P)):(s.strokeStyle=n.dark?"#fff":"#000",s.lineWidth=1,s.strokeRect(g-.5,T+.5,u+1,P-1))}}labels({store:e}){let{context:t,width:n}=this.sheet,{experts:o,rows:s}=this.window,i=Math.max(1,Math.ceil(12/this.rowHeight));t.textBaseline="middle",t.textAlign="right";for(let a=s.start;a<s.end;a++){if((a-s.start)%i)continue;let d=x+(a-s.start+.5)*this.rowHeight;t.fillText(String(e.facts.sparse_layers[a]),f-6,d)}let l=wt((o.end-o.start)/Math.max(2,(n-f)/90));t.textAlign="center";for(let a=Math.ceil(o.start/l)*l;a<o.end;a+=l){let d=f+(a-o.start+.5)*this.expertWidth;t.fillText(String(a),Math.max(f+8,Math.min(n-12,d)),x/2-1),t.fillRect(d,x-3,1,3)}t.textAlign="left",t.fillText("layer",0,x/2-1)}selected({store:e},t){let{context:n,width:o}=this.sheet,{experts:s,rows:i}=this.window,l=e.layerRow(e.selection.layer);if(l<i.start||l>=i.end)return;let a=x+(l-i.start)*this.rowHeight;n.strokeStyle=t,n.lineWidth=2,n.strokeRect(f-1,a-.5,o-f,this.rowHeight);let{expert:d}=e.selection;if(d<s.start||d>=s.end)return;let c=Math.max(5,this.expertWidth),u=f+(d-s.start+.5)*this.expertWidth;n.strokeRect(u-c/2-2,a-3,c+4,this.rowHeight+5)}brushed(e){if(!this.brush)return;let{context:t,width:n}=this.sheet,{experts:o,rows:s}=this.window,{from:i,to:l,layersOnly:a}=this.brush,d=x+(Math.min(i.row,l.row)-s.start)*this.rowHeight,c=(Math.abs(i.row-l.row)+1)*this.rowHeight,u=a?f:f+(Math.min(i.expert,l.expert)-o.start)*this.expertWidth,h=a?n-f:(Math.abs(i.expert-l.expert)+1)*this.expertWidth;t.strokeStyle=e,t.lineWidth=1,t.setLineDash([4,3]),t.strokeRect(u+.5,d+.5,h,c),t.setLineDash([])}};function xt(r){return`color-mix(in srgb, #fff ${Math.round(Math.max(0,Math.min(1,(r-.4)/2))*100)}%, #fde725)`}function wt(r){return 2**Math.ceil(Math.log2(Math.max(1,r)))}function be(r,e,t,{row:n,expert:o}){let s=r.facts,i=s.sparse_layers[n];if(o<0)return`layer ${i}`;let l=n*s.num_experts+o,a=[`layer ${i}, expert ${o}`,bt(r,t,n,o)],d=e.counts[l],c=e.lastToken[l],u=c===-1?"":c===t?", last for this token":`, last ${t-c} tokens ago`;a.push(`chosen ${d===1?"once":`${d} times`}${u}`),e.lastRead[l]!==-1&&a.push(vt(r,e.lastRead[l]));let h=r.residency[l];return h!==A&&a.push(`page cache holds ${E(h/z)}`),a.join(`
`)}function bt(r,e,t,n){let o=r.chosen(e,t),s=o.indexOf(n);if(s<0)return`not chosen for token ${e}`;let i=r.column("routing_weights").at(e,t*r.keptExperts+s);return`rank ${s+1} of ${o.length}, weight ${i.toFixed(3)}`}function vt(r,e){let t=o=>r.column(o).at(e);return`last read in ${I(t("read_end_ms")-t("read_start_ms"))} from ${de[t("read_source")]} (token ${t("read_token")})`}var ve=`.fm-legend {
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
`;function Se(r,e){return{experts:{start:0,end:r},rows:{start:0,end:e}}}function St(r,e,t,n,o){let s=Math.min(n,Math.max(Math.min(o,n),Math.round((r.end-r.start)*e))),i=(t-r.start)/(r.end-r.start),l=Math.max(0,Math.min(n-s,Math.round(t-i*s)));return{start:l,end:l+s}}function ee(r,e,t,n){return{...r,experts:St(r.experts,e,t,n,8)}}function Me(r,e,t,{layersOnly:n=!1}={}){let o=ke(e.row,t.row),s=ke(e.expert,t.expert);return{experts:n?r.experts:Mt(s,r.experts),rows:o}}function ke(r,e){return{start:Math.min(r,e),end:Math.max(r,e)+1}}function Mt(r,e){let t=Math.max(0,Math.min(8,e.end-e.start)-(r.end-r.start)),n=Math.max(e.start,r.start-Math.floor(t/2)),o=Math.min(e.end,Math.max(r.end,n+(r.end-r.start)+t));return{start:n,end:o}}function Ee(r,e,t){return r.experts.start===0&&r.experts.end===e&&r.rows.start===0&&r.rows.end===t}var Et=220,_t=120,Rt=5,At=(r,e,t)=>new te(r,e,t),te=class{constructor(e,t,n){this.store=t;this.send=n;let o=m("div","fm-map");this.modes=re("colour",Object.entries(O).map(([i,{text:l,title:a}])=>[i,l,a]),i=>this.choose(i)),this.follow=S("follow","Follow","Show each new token as it comes",()=>t.select({following:!t.selection.following,token:t.shownToken})),this.all=S("zoom_all","All","All layers and experts",()=>this.look(null)),this.scrub.addEventListener("input",()=>t.select({token:this.scrub.valueAsNumber,following:!1}));let s=m("span","fm-group",{role:"group","aria-label":"zoom"},this.zoom("zoom_out","−",2),this.zoom("zoom_in","+",.5),this.all);e.append(m("style","",{},ve),m("div","fm-row",{},this.modes.el,s),o,this.legend),e.append(m("div","fm-row",{},this.follow,this.scrub),this.says),this.map=new G(o),o.append(this.tip),this.layer=ge(e,t,n),this.end=t.onPart("mode",i=>this.choose(i.mode,{tell:!1})),this.listen()}store;send;mode="now";window=null;run="";usage=new j;map;layer;modes;scrub=m("input","fm-grow",{type:"range",min:"0","aria-label":"token","data-name":"scrub"});follow;all;says=m("div","fm-says",{"data-name":"says"});legend=m("div","fm-legend");tip=m("div","fm-tip",{hidden:""});end;came={token:-1,at:0};saidAt=Number.NEGATIVE_INFINITY;draw(e){let{store:t}=this,n=t.facts;t.place.run!==this.run&&([this.run,this.window]=[t.place.run,null]),this.window??=Se(n.num_experts,n.sparse_layers.length);let o=t.shownToken;this.usage.upTo(t,o);let s=this.settled(o,e),i={store:t,usage:this.usage,token:o,settled:s,theme:U(this.says)};return this.map.draw(i,this.mode,this.window),(s===1||e-this.saidAt>_t)&&(this.saidAt=e,this.controls(i)),this.layer.draw(e),s<1}destroy(){this.end(),this.layer.destroy()}settled(e,t){if(e!==this.came.token){let n=this.store.selection.following&&!this.store.place.complete,o=matchMedia("(prefers-reduced-motion: reduce)").matches;this.came={token:e,at:n&&!o?t:Number.NEGATIVE_INFINITY}}return Math.min(1,(t-this.came.at)/Et)}controls(e){let{store:t,scrub:n,follow:o,all:s,window:i}=this,{num_experts:l,sparse_layers:a}=t.facts;n.max=String(Math.max(0,t.tokens-1)),n.valueAsNumber!==e.token&&(n.value=String(e.token)),n.setAttribute("aria-valuetext",`token ${e.token}: ${t.text(e.token)}`),o.setAttribute("aria-pressed",String(t.selection.following)),s.disabled=Ee(i,l,a.length),this.modes.show(this.mode),b(this.says,this.sentence(e)),this.showLegend(e)}showLegend(e){let t=O[this.mode].legend(e),n=JSON.stringify(t);if(this.legend.dataset.key===n)return;this.legend.dataset.key=n;let o=s=>m("i","fm-swatch",{style:`background:${s==="mark"?"#fde725":s}`});this.legend.replaceChildren(...t.map(([s,i])=>m("span","",{},o(s),i)))}sentence({token:e}){let{store:t}=this,{sparse_layers:n,num_experts:o,top_k:s}=t.facts;if(e<0)return"no token yet";let i=t.column("phase").at(e)===K?"output":"prompt",l=`token ${M(e)} "${D(t.text(e))}" (${i})`;if(!t.column("expert_ids").has(e))return`${l}: its routing is older than what is kept here`;let a=`${l}: ${s} of ${o} experts in each of ${n.length} layers`,d=ye(t,e);return d?`${a}; ${d.again} of ${d.chosen} as for the token before`:a}choose(e,{tell:t=!0}={}){this.mode=e,t&&this.send("mode",{mode:e}),this.store.changed()}zoom(e,t,n){let o=n<1?"Fewer experts, wider":"More experts, narrower";return S(e,t,o,()=>{let{start:s,end:i}=this.window.experts,{expert:l}=this.store.selection,a=l>=s&&l<i?l:(s+i)/2;this.look(ee(this.window,n,a,this.store.facts.num_experts))})}look(e){this.window=e,this.store.changed()}listen(){let{canvas:e}=this.map.sheet,t=o=>this.map.cellAt(o.offsetX,o.offsetY),n=null;e.addEventListener("pointerdown",o=>{let s=t(o);n=s&&{x:o.offsetX,y:o.offsetY,cell:s},e.setPointerCapture(o.pointerId)}),e.addEventListener("pointermove",o=>{let s=t(o);if(n&&s&&Math.hypot(o.offsetX-n.x,o.offsetY-n.y)>Rt){let i=n.cell.expert<0;this.map.brush={from:n.cell,to:i?s:{...s,expert:Math.max(0,s.expert)},layersOnly:i},this.store.changed()}this.hover(s,o)}),e.addEventListener("pointerup",o=>{let s=this.map.brush,i=t(o);this.map.brush=null,s?this.look(Me(this.window,s.from,s.to,s)):n&&i&&this.click(i),n=null}),e.addEventListener("pointerleave",()=>this.hover(null,null)),e.addEventListener("dblclick",()=>this.look(null)),e.addEventListener("wheel",o=>{let s=t(o);if(!s||s.expert<0||!(o.ctrlKey||o.shiftKey))return;o.preventDefault();let i=(o.deltaY||o.deltaX)>0?1.25:.8;this.look(ee(this.window,i,s.expert,this.store.facts.num_experts))})}click({row:e,expert:t}){let{selection:n,facts:o}=this.store,s=o.sparse_layers[e],i=n.layer===s&&(t<0||n.expert===t);this.store.select(i?{layer:-1,expert:-1}:{layer:s,expert:t})}hover(e,t){if(this.tip.hidden=e===null||this.map.brush!==null||this.store.facts===null,!e||!t||this.tip.hidden)return;b(this.tip,be(this.store,this.usage,this.store.shownToken,e));let n=t.offsetX>this.map.sheet.width-260;this.tip.style.left=n?"":`${t.offsetX+14}px`,this.tip.style.right=n?`${this.map.sheet.width-t.offsetX+14}px`:"",this.tip.style.top=`${t.offsetY+14}px`}},Fn=fe({name:"RouterView",hint:"RouterView(session), or view.attach(fm.load_trace(path))",make:At});export{Fn as default,At as makeRouterView};
