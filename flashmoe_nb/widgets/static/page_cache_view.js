// widgets/src sha256 c208afa59de703325a6c22117ef393367c765a52eae6f4b823a6381cf8936dbe
function Q(n,e){let t=document.createElement("canvas");t.className="fm-canvas",t.setAttribute("role","img"),t.setAttribute("aria-label",e),n.append(t);let r=t.getContext("2d"),[o,s]=[0,0];return{canvas:t,context:r,get width(){return o},get height(){return s},fit(a){let i=globalThis.devicePixelRatio||1,c=Math.max(200,Math.floor(n.clientWidth)),d=c!==o||a!==s||t.width!==Math.round(c*i);return d&&([o,s]=[c,a],t.width=Math.round(c*i),t.height=Math.round(a*i),t.style.width=`${c}px`,t.style.height=`${a}px`),r.setTransform(i,0,0,i,0,0),d}}}var z=class{canvas=document.createElement("canvas");context;image;constructor(){this.context=this.canvas.getContext("2d"),this.image=this.context.createImageData(1,1)}fill(e,t,r){(this.image.width!==e||this.image.height!==t)&&(this.canvas.width=e,this.canvas.height=t,this.image=this.context.createImageData(e,t));let o=new Uint32Array(this.image.data.buffer);for(let s=0;s<o.length;s++)o[s]=r(s);this.context.putImageData(this.image,0,0)}};var Ce="440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",Le="00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";function ie(n){let e=n.split(" ").map(r=>Number.parseInt(r,16)),t=(r,o)=>r>>o&255;return Uint32Array.from({length:256},(r,o)=>{let s=o/255*(e.length-1),a=Math.min(Math.floor(s),e.length-2),i=c=>Math.round(t(e[a],c)*(a+1-s)+t(e[a+1],c)*(s-a));return j(i(16),i(8),i(0))})}function j(n,e,t,r=255){return(r<<24|t<<16|e<<8|n)>>>0}var wt=ie(Ce),C=ie(Le);function L(n,e){return n[Math.max(0,Math.min(255,Math.round(e*255)))]}function I(n){return`rgb(${n&255} ${n>>8&255} ${n>>16&255})`}var P={cache:"#009E73",partly:"#CC79A7",ssd:"#E69F00",unknown:"#999999",mark:"#0072B2"};function ce(n){let e=getComputedStyle(n),t=r=>e.getPropertyValue(r).trim();return{dark:n.closest(".fm-dark")!==null,text:t("--fm-text"),faint:t("--fm-faint"),line:t("--fm-line"),paper:t("--fm-paper"),accent:t("--fm-accent"),font:e.fontFamily}}function m(n,e,t={},...r){let o=document.createElement(n);e&&(o.className=e);for(let[s,a]of Object.entries(t))o.setAttribute(s,a);return o.append(...r),o}function S(n,e,t,r){let o=m("button","",{type:"button","data-name":n,title:t},e);return o.addEventListener("click",r),o}function w(n,e){n.textContent!==e&&(n.textContent=e)}function $(n){return n.toLocaleString("en")}function R(n){for(let[e,t]of[["TB",1e12],["GB",1e9],["MB",1e6],["kB",1e3]])if(n>=t)return`${Pe(n/t)} ${e}`;return`${n} B`}function U(n){return Number.isFinite(n)?`${(n*100).toFixed(1)} %`:"unknown"}function Pe(n){return n>=999.5?n.toFixed(0):n.toPrecision(3)}function le(n,e){let t=-1,r=S("evict_layer","","Drop this layer's experts from the page cache",()=>e("evict",{layer:t})),o=S("evict_all","Evict all …","Drop every expert from the page cache; asks first",()=>{u.hidden=!1,c.focus()}),s=S("warm_layer","","Read this layer's experts into the page cache",()=>e("warm",{layer:t})),a=S("warm_all","Warm all","Read every expert into the page cache, as far as it fits",()=>e("warm")),i=m("span",""),c=S("evict_sure","Evict all","Drop every expert",()=>{u.hidden=!0,e("evict")}),d=S("evict_keep","Keep","Leave the page cache as it is",()=>{u.hidden=!0,o.focus()}),u=m("div","fm-row fm-banner",{role:"alertdialog","data-name":"question"},i,c,d);u.hidden=!0;let p=[r,o,s,a];return{buttons:p,question:u,draw(f,y,g){t=f;for(let l of[...p,c])l.disabled=g;for(let l of p)l.hidden=!y;y||(u.hidden=!0),w(r,`Evict layer ${f}`),w(s,`Warm layer ${f}`);let{expert_bytes:b,num_experts:x,sparse_layers:E}=n.facts,A=R(b*x*E.length);w(i,`Drop all experts (${A}) from the page cache? The next tokens read them from the SSD again.`)}}}async function ue(n){let{width:e,height:t}=n.getBoundingClientRect();if(e<1||t<1)return null;let r=n.cloneNode(!0),[o,s]=[n.querySelectorAll("canvas"),r.querySelectorAll("canvas")];o.forEach((c,d)=>{if(c.hidden){s[d].remove();return}let u=new Image;u.src=c.toDataURL(),u.setAttribute("style",`${c.getAttribute("style")};display:block`),s[d].replaceWith(u)}),$e(n,r),Ue(n,r);let a=new XMLSerializer().serializeToString(r),i=`<svg xmlns="http://www.w3.org/2000/svg" width="${e}" height="${t}"><foreignObject width="100%" height="100%">${a}</foreignObject></svg>`;try{return await Ne(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(i)}`,e,t)}catch{return null}}function $e(n,e){let t=e.querySelectorAll("input");n.querySelectorAll("input").forEach((s,a)=>{t[a].setAttribute("value",s.value),t[a].toggleAttribute("checked",s.checked)});let r=e.querySelectorAll("textarea");n.querySelectorAll("textarea").forEach((s,a)=>{r[a].textContent=s.value});let o=e.querySelectorAll("select");n.querySelectorAll("select").forEach((s,a)=>{[...o[a].options].forEach((i,c)=>{i.toggleAttribute("selected",c===s.selectedIndex)})})}function Ue(n,e){let t=getComputedStyle(n);for(let r of["text","faint","line","paper","raised","accent","warn","error"])e.style.setProperty(`--fm-${r}`,t.getPropertyValue(`--fm-${r}`));e.style.font=t.font}async function Ne(n,e,t){let r=new Image;r.src=n,await r.decode();let o=document.createElement("canvas");o.width=Math.round(e),o.height=Math.round(t),o.getContext("2d").drawImage(r,0,0);let s=await new Promise(a=>o.toBlob(a,"image/png"));return s?s.arrayBuffer():null}function de(n,e,t){if(n.ctrlKey||n.metaKey||n.altKey)return!1;let r=n.target,o=r.closest("input, select, textarea")!==null;if(n.key==="Escape")e.select({layer:-1,expert:-1,token:-1,following:!0});else{if(o)return!1;if(n.key==="ArrowLeft"||n.key==="ArrowRight")De(e,n.key==="ArrowRight"?1:-1);else if(n.key==="ArrowUp"||n.key==="ArrowDown"){if(Oe(r))return!1;Ie(e,n.key==="ArrowDown"?1:-1)}else if(n.key===" "&&!r.closest("button"))t("toggle");else return!1}return!0}function Oe(n){let e=n.closest('[tabindex="0"]:not(.fm-root)');return e!==null&&e.scrollHeight>e.clientHeight}function De(n,e){let t=Math.max(0,Math.min(n.tokens-1,n.shownToken+e));n.tokens&&n.select({token:t,following:!1})}function Ie(n,e){let t=n.facts?.sparse_layers??[];if(t.length===0)return;let r=n.layerRow(n.selection.layer),o=r<0?e>0?0:t.length-1:Math.max(0,Math.min(t.length-1,r+e));n.select({layer:t[o],expert:-1})}var fe="fm-page",me;function pe(n){me=n,queueMicrotask(()=>{me===n&&Ve(n)})}function Ve(n){let e=document.getElementById(fe),t=document.getElementById(`${fe}-data`);if(!e||!t)return;let{traits:r,run:o}=JSON.parse(t.textContent??"{}"),s=n(),a=Fe({...r,run:He(o)});s.initialize({model:a}),s.render({model:a,el:e})}function He(n){return new DataView(Uint8Array.from(atob(n),e=>e.charCodeAt(0)).buffer)}function Fe(n){return{get:e=>n[e],set:(e,t)=>{n[e]=t},save_changes:()=>{},send:()=>{},on:()=>{}}}var V=class{constructor(e,t,r=96e6){this.width=t;this.mostBytes=r;this.data=e}width;mostBytes;first=0;end=0;data;has(e){return e>=this.first&&e<this.end}at(e,t=0){return this.has(e)?this.data[(e-this.first)*this.width+t]:Number.NaN}rows(e,t=e+1){let r=Math.max(e,this.first)-this.first,o=Math.min(t,this.end)-this.first;return this.data.subarray(r*this.width,Math.max(r,o)*this.width)}append(e,t){let r=Math.max(0,this.end-e),o=this.width?t.length/this.width:0;e>this.end&&(this.first=this.end=e);let s=t.subarray(r*this.width);s.length!==0&&(this.reserve(s.length),this.data.set(s,(this.end-this.first)*this.width),this.end=e+o)}reserve(e){let t=(this.end-this.first)*this.width;if(t+e<=this.data.length)return;let r=this.data.subarray(0,t);if((t+e)*this.data.BYTES_PER_ELEMENT>this.mostBytes&&this.width>1){let o=Math.floor((this.end-this.first)/2);this.data=this.grown(r.subarray(o*this.width),e),this.first+=o}else this.data=this.grown(r,Math.max(e,t))}grown(e,t){let r=this.data.constructor,o=new r(e.length+t);return o.set(e),o}};var W={PAGE_CACHE:0,PARTLY:1,SSD:2,INFERRED_PAGE_CACHE:3,INFERRED_SSD:4};var Pt=[P.cache,P.partly,P.ssd,P.cache,P.ssd];function he(n){return n.source===W.PARTLY?n.before:n.source===W.PAGE_CACHE||n.source===W.INFERRED_PAGE_CACHE?1:0}function Be(n){return n>=W.INFERRED_PAGE_CACHE}function ze(n,e){let[t,r]=n.readsOf(e);return Array.from({length:Math.max(0,r-t)},(o,s)=>je(n,t+s))}function je(n,e){let t=r=>n.column(`read_${r}`).at(e);return{row:e,layer:t("layer"),expert:t("expert"),thread:t("thread"),bytes:t("bytes"),start:t("start_ms"),end:t("end_ms"),before:t("resident_fraction_before"),source:t("source")}}function We(n,e){let t=r=>qe(r.map(o=>[o.start,o.end]));return{reads:n.length,bytes:n.reduce((r,o)=>r+o.bytes,0),hitBytes:n.reduce((r,o)=>r+o.bytes*he(o),0),inferred:n.some(r=>Be(r.source)),readMs:t(n),ssdMs:t(n.filter(r=>he(r)<1)),passMs:e}}function qe(n){let[e,t]=[0,Number.NEGATIVE_INFINITY];for(let[r,o]of[...n].sort((s,a)=>s[0]-a[0]))e+=Math.max(0,o-Math.max(r,t)),t=Math.max(t,o);return e}var q=class{constructor(e){this.store=e}store;run="";known=new Map;of(e){let t=this.store.place?.run??"";t!==this.run&&this.known.clear(),this.run=t;let r=this.store.column("pass_start").at(e),o=this.known.get(r);if(o)return o;let s=this.store.column("end_ms").at(e)-this.store.column("start_ms").at(e),a=We(ze(this.store,e),s);return a.reads>0&&this.known.set(r,a),a}recent(e,t){let r=[];for(let o=e;o>=0&&r.length<t;o--)this.store.column("phase").at(o)===Ge&&r.push(this.of(o));return r.reverse()}},Ge=1;var v=255,H=class{facts=null;place=null;tokens=0;reads=0;countsBefore=new Uint32Array(0);residency=new Uint8Array(0);selection={token:-1,layer:-1,expert:-1,following:!0};connected=!1;error="";received={messages:0,rows:0,snapshots:0};sums=new q(this);columns=new Map;listeners=new Set;handlers=new Map;kept=new Map;column(e){let t=this.columns.get(e);return t||(t=new V(new Float32Array(0),1),this.columns.set(e,t)),t}get routedFirst(){return this.column("expert_ids").first}get keptExperts(){return this.column("expert_ids").width/Math.max(1,this.facts?.sparse_layers.length??1)}chosen(e,t){let r=this.keptExperts,o=this.column("expert_ids").rows(e).subarray(t*r,(t+1)*r),s=0;for(;s<o.length&&o[s]<this.facts.num_experts;)s++;return o.subarray(0,s)}get shownToken(){let{token:e,following:t}=this.selection;return t||e<0||e>=this.tokens?this.tokens-1:e}layerRow(e){return this.facts?this.facts.sparse_layers.indexOf(e):-1}text(e,t=e+1){let r=this.column("text_start").at(e),o=this.column("text_end").at(Math.min(t,this.tokens)-1);return Number.isNaN(r+o)?"":new TextDecoder().decode(this.column("text").rows(r,o))}readsOf(e){let t=this.column("pass_start").at(e),r=this.column("read_token");return[ye(r,t),ye(r,t+1)]}apply(e){let t=JSON.parse(e.metadata.place);if(t.run!==this.place?.run){if(!e.metadata.facts)return"gap";this.reset(JSON.parse(e.metadata.facts))}else if(t.token_row>this.tokens)return"gap";let r=e.tensors.get("token_id")?.shape[0]??0,o=t.complete!==this.place?.complete;this.place=t;let s=this.tokens;return(t.token_row+r>this.tokens||o||r===0)&&this.take(e,t,r),this.changed(),this.tokens>s||o?"applied":"nothing new"}setResidency(e,t){let r=this.layerRow(e);r<0||!this.facts||(this.residency.set(t,r*this.facts.num_experts),this.changed())}select(e){let t={...this.selection,...e};Object.keys(t).every(o=>t[o]===this.selection[o])||(Object.assign(this.selection,e),this.changed())}onChange(e){return this.listeners.add(e),()=>this.listeners.delete(e)}changed(){for(let e of this.listeners)e()}onPart(e,t){let r=this.handlers.get(e)??new Set;this.handlers.set(e,r.add(t));let o=this.kept.get(e);return o&&t(o,[]),()=>r.delete(t)}keeps(e){return this.kept.has(e)}keep(e){this.kept.set(e.kind,e),this.hand(e,[])}hand(e,t){for(let r of this.handlers.get(e.kind)??[])r(e,t);this.changed()}reset(e){let t=e.sparse_layers.length*e.num_experts;this.facts=e,this.place=null,this.tokens=this.reads=0,this.columns=new Map,this.countsBefore=new Uint32Array(t),this.residency=new Uint8Array(t).fill(v),this.error=""}take(e,t,r){let o=e.tensors.get("counts_before");o&&t.routed_row>this.column("expert_ids").end&&this.countsBefore.set(o.values);for(let[s,a]of e.tensors)s!=="counts_before"&&(this.column(s).end===0&&this.columns.set(s,Xe(a)),this.put(s,Ke(s,t),a.values));this.tokens=Math.max(this.tokens,t.token_row+r),this.reads=this.column("read_token").end}put(e,t,r){let o=this.column(e);if(e!=="expert_ids"){o.append(t,r);return}let[s,a]=[o.first,o.rows(o.first,o.end)];o.append(t,r),o.first>s&&o.first<t&&this.count(a.subarray(0,(o.first-s)*o.width))}count(e){let{num_experts:t,sparse_layers:r}=this.facts;for(let o=0;o<e.length;o++){let s=Math.floor(o/this.keptExperts)%r.length;e[o]<t&&this.countsBefore[s*t+e[o]]++}}},Ye=new Set(["expert_ids","routing_weights","router_entropy","kept_mass","router_margin"]);function Ke(n,e){return n==="text"?e.text_byte:n.startsWith("read_")?e.read_row:n.startsWith("patch_")?e.patch_row:Ye.has(n)||n.startsWith("layer_")?e.routed_row:e.token_row}function Xe(n){let e=n.shape.slice(1).reduce((t,r)=>t*r,1);return new V(n.values.slice(0,0),e)}function ye(n,e){let[t,r]=[n.first,n.end];for(;t<r;){let o=t+r>>1;n.at(o)<e?t=o+1:r=o}return t}var ge=`.fm-root {
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
`;var be={F64:Float64Array,F32:Float32Array,I32:Int32Array,I16:Int16Array,U32:Uint32Array,U16:Uint16Array,U8:Uint8Array};function Z(n){let e=Number(n.getBigUint64(0,!0)),t=new TextDecoder().decode(new Uint8Array(n.buffer,n.byteOffset+8,e)),r=JSON.parse(t),o=r.__metadata__??{},s=n.byteOffset+8+e,a=new Map;for(let[i,{dtype:c,shape:d,data_offsets:u}]of Object.entries(r)){if(i==="__metadata__")continue;let p=be[c];if(!p)throw new Error(`array "${i}" has the type ${c}, expected one of ${Object.keys(be).join(", ")}`);let f=new p(n.buffer.slice(s+u[0],s+u[1]));a.set(i,{shape:d,values:f})}return{metadata:o,tensors:a}}var ee=["token","layer","expert","following"],F=class{constructor(e,t){this.model=e;this.store=t;e.on("msg:custom",(r,o)=>this.receive(r,o)),e.on("change:run",()=>this.load()),e.on("change:state",()=>this.kept());for(let r of ee)e.on(`change:${r}`,()=>this.selected([r]));e.on("comm_live_update",()=>this.gone()),this.load(),this.kept(),this.selected(ee),t.onChange(()=>this.publish()),this.ask()}model;store;painted={token:-1,frames:0,latencies:[]};asked=!1;seq=0;toldPainted=-1;send=(e,t={})=>{this.tell({kind:"command",name:e,args:t})};picture(e){this.tell({kind:"picture"},[e])}tell(e,t=[]){if(this.store.connected)try{this.model.send(e,void 0,t)}catch{this.gone()}}receive(e,t){if(e?.parts===void 0)return;this.store.connected=!0;let r=0;for(let o of e.parts){let s=t.slice(r,r+o.n_buffers);r+=o.n_buffers,o.kind==="rows"?this.rows(s[0]):o.kind==="residency"?this.store.setResidency(o.layer,Qe(s[0])):this.other(o,s)}this.store.received.messages++,this.seq=e.seq,this.acknowledge()}settle(){this.painted.token!==this.toldPainted&&this.acknowledge()}acknowledge(){let{token:e,frames:t,latencies:r}=this.painted;this.toldPainted=e,this.tell({kind:"ack",seq:this.seq,painted:e,frames:t,latencies:r.splice(0)})}rows(e){let t=this.store.tokens;this.store.apply(Z(e))==="gap"?this.ask():this.asked=!1,this.store.received.rows+=Math.max(0,this.store.tokens-t)}other(e,t){e.kind==="hello"&&(this.asked=!1),e.kind==="error"&&(this.store.error=String(e.text)),this.store.hand(e,t)}load(){let e=this.model.get("run");!e||e.byteLength===0||this.store.apply(Z(e))==="applied"&&this.store.received.snapshots++}kept(){for(let e of Object.values(this.model.get("state")??{}))this.store.keep(e)}ask(){this.asked||(this.asked=!0,this.model.send({kind:"snapshot?",run:this.store.place?.run??"",tokens:this.store.tokens}))}selected(e){let t=Object.fromEntries(e.map(r=>[r,this.model.get(r)]));this.store.select(t)}publish(){let{model:e,store:t}=this,r=ee.filter(o=>e.get(o)!==t.selection[o]);for(let o of r)e.set(o,t.selection[o]);r.length&&e.save_changes()}gone(){this.store.connected=!1,this.store.changed()}};function Qe(n){return new Uint8Array(n.buffer,n.byteOffset,n.byteLength)}var Ze=1500,et=150,tt=navigator.hardwareConcurrency<=4?30:0;function xe(n){let e=()=>{let t;return{initialize({model:r}){t=new F(r,new H)},render({model:r,el:o}){return t??=new F(r,new H),nt(n,o,t)}}};return pe(e),e}function nt(n,e,t){let{store:r,send:o}=t,s=n.ready??(l=>l.facts!==null),a=ot(n,s);e.append(a.root);let i=n.make(a.body,r,o),c=!0,[d,u,p,f]=[0,0,0,0],y=()=>{d||=requestAnimationFrame(b)},g=()=>{c=!0,y()},b=l=>{if(d=0,l-u<tt){y();return}a.show(r);let h=c;c=!1,s(r)&&i.draw(l,h)&&y(),rt(t),u=l,f||=setTimeout(x,et),clearTimeout(p),p=setTimeout(E,Ze)},x=()=>{f=0,a.status(t)},E=async()=>{if(t.settle(),!s(r)||!r.connected||document.hidden||u===0)return;let l=await ue(a.root);l&&t.picture(l)},A=[r.onChange(g),ct(a.root,g),it(a.root,g)];return a.root.addEventListener("keydown",l=>{de(l,r,o)&&(l.preventDefault(),l.stopPropagation())}),y(),()=>{for(let l of A)l();cancelAnimationFrame(d),clearTimeout(p),clearTimeout(f),i.destroy(),a.root.remove()}}function rt({store:n,painted:e}){e.frames++;let t=n.tokens-1;if(t===e.token)return;e.token=t;let r=Date.now()-(n.place.epoch_ms+n.column("end_ms").at(t));t>=0&&!n.place.complete&&e.latencies.length<100&&e.latencies.push(Math.round(r*10)/10)}function ot(n,e){let t=m("style","",{},ge),r=m("span","fm-of"),o=m("div","fm-head",{},m("span","fm-name",{},n.name),r),s=m("div","fm-body"),a=m("div","fm-empty",{},"Nothing to show yet. ",m("code","",{},n.hint)),i=m("div","fm-error",{role:"alert"}),c=m("div","fm-status"),d=m("div","fm-root",{role:"group","aria-label":n.name,tabindex:"0"});return d.append(t,o,s,a,i,c),{root:d,body:s,show(u){s.hidden=!e(u),a.hidden=e(u),w(r,u.facts?st(u):""),w(i,u.error),i.hidden=u.error===""},status({store:u,painted:p}){let{messages:f,rows:y,snapshots:g}=u.received;Object.assign(c.dataset,{tokens:u.tokens,painted:p.token,frames:p.frames}),Object.assign(c.dataset,{messages:f,rows:y,snapshots:g,connected:u.connected,shown:u.shownToken}),w(c,u.facts?at(u,p.token):"")}}}function st(n){let e=n.place?.complete?"recorded":"recording";return`${n.facts.label} · ${e} · ${n.facts.machine}`}function at(n,e){let{messages:t,rows:r}=n.received,o=`${$(n.tokens)} tokens, ${$(n.reads)} reads, newest painted: ${e<0?"none":e}`,s=t>1&&r>0?` · ${$(r)} live in ${$(t)} messages`:"",a=n.routedFirst,i=a>0?` · routing from token ${$(a)} on (${U(1-a/n.tokens)})`:"",c=t===0?"":" · no kernel: what it sent last";return o+s+i+(n.connected?"":c)}function it(n,e){let t=new ResizeObserver(e);return t.observe(n),()=>t.disconnect()}function ct(n,e){let t=matchMedia("(prefers-color-scheme: dark)"),r=()=>{let s=getComputedStyle(n).getPropertyValue("--jp-ui-font-color1")!=="";n.classList.toggle("fm-plain",!s),n.classList.toggle("fm-dark",s?lt(n):t.matches),e()},o=new MutationObserver(r);return o.observe(document.body,{attributes:!0}),t.addEventListener("change",r),requestAnimationFrame(r),()=>{o.disconnect(),t.removeEventListener("change",r)}}function lt(n){let[e,t,r]=(getComputedStyle(n).backgroundColor.match(/[\d.]+/g)??["255","255","255"]).map(Number);return .299*e+.587*t+.114*r<128}var we=`.fm-legend {
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
`;var G=class{counts=new Uint32Array(0);lastToken=new Int32Array(0);lastRead=new Int32Array(0);next=0;run="";upTo(e,t){let r=e.place?.run??"",o=e.routedFirst>this.next;if((r!==this.run||o||t+1<this.next)&&this.restart(e,r),t<this.next)return;let s=Math.max(this.next,e.routedFirst);this.choose(e,s,t),this.read(e,this.next,t),this.next=t+1}restart(e,t){this.run=t,this.next=0,this.counts=Uint32Array.from(e.countsBefore),this.lastToken=new Int32Array(this.counts.length).fill(-1),this.lastRead=new Int32Array(this.counts.length).fill(-1)}choose(e,t,r){let o=e.facts.num_experts,s=e.column("expert_ids"),a=e.keptExperts;for(let i=t;i<=r;i++){let c=s.rows(i);for(let d=0;d<c.length;d++){if(c[d]>=o)continue;let u=Math.floor(d/a)*o+c[d];this.counts[u]++,this.lastToken[u]=i}}}read(e,t,r){let o=e.facts.num_experts,[s,a]=[e.column("read_layer"),e.column("read_expert")],i=Math.max(e.readsOf(t)[0],s.first),c=e.readsOf(r)[1];for(let d=i;d<c;d++){let u=e.layerRow(s.at(d));u>=0&&(this.lastRead[u*o+a.at(d)]=d)}}};var k=254;function ve(n,e){let t=n.facts,r=new Uint8Array(t.sparse_layers.length*t.num_experts).fill(v);if(!t.residency_per_expert)return{shares:r,swept:!1};e.upTo(n,n.shownToken);let o=n.column("read_resident_fraction_before");for(let[s,a]of e.lastRead.entries()){let i=a===-1?Number.NaN:o.at(a);Number.isNaN(i)||(r[s]=ft(i))}return{shares:r,swept:!1}}function ft(n){return n<=0?0:n>=1?k:Math.max(1,Math.min(k-1,Math.round(n*k)))}function Y(n,e){let t=0;for(let r of n)r!==v&&(t+=r);return Math.round(t/k*e)}function te(n){let e=0;for(let t of n)e+=t===v?0:1;return e}function ke(n){return n===v?"unknown":n===0?"not resident":n===k?"resident":`${U(n/k)} of its pages resident`}var M=46,_e=54,Ee="#D55E00";function ne(n,e,t,r=6){return{rows:n,experts:e,rowHeight:r,cell:Math.max(1,t-M-_e)/e}}function re(n,e,t){let[r,o]=[Math.floor((t-2)/n.rowHeight),Math.floor((e-M)/n.cell)],s=r>=0&&r<n.rows;return[s?r:-1,s&&o>=0&&o<n.experts?o:-1]}function Re(n,e,t,r,o,s,a){let{context:i,width:c,height:d}=n,{rowHeight:u,cell:p,experts:f}=r;i.clearRect(0,0,c,d),i.imageSmoothingEnabled=!1,i.font=`11px ${e.font}`,i.textBaseline="middle",t.facts.sparse_layers.forEach((y,g)=>{let b=2+g*u,x=u>9?2:.5;i.drawImage(o,0,g,f,1,M,b,p*f,u-x),i.fillStyle=y===t.selection.layer?e.accent:e.faint,(u>=12||g%4===0)&&(i.textAlign="left",i.fillText(`L${y}`,4,b+u/2),i.textAlign="right",i.fillText(mt(s.subarray(g*f,(g+1)*f)),c-4,b+u/2)),y===t.selection.layer&&Se(i,e.accent,M-1,b-1,p*f+2,u);for(let E of a(g))Se(i,Ee,M+E*p,b,Math.max(2,p),u-x)})}function Se(n,e,t,r,o,s){n.strokeStyle=e,n.lineWidth=1,n.strokeRect(t,r+.5,o,s-1)}function mt(n){let e=n.filter(t=>t!==v);return e.length===0?"?":`${(e.reduce((t,r)=>t+r,0)/e.length/k*100).toFixed(0)} %`}function K(n,e){let t=Math.max(1,e-M-_e),r=Math.min(22,Math.max(8,Math.floor(t/Math.ceil(n/12)))),o=Math.max(1,Math.floor(t/r));return{columns:o,size:r,height:Math.ceil(n/o)*r+2,experts:n}}function oe(n,e,t){let r=Math.floor((e-M)/n.size),o=Math.floor(t/n.size)*n.columns+r;return r>=0&&r<n.columns&&o>=0&&o<n.experts?o:-1}function Ae(n,e,t,r,o,s){let{context:a,width:i,height:c}=n,d=t.size-2;a.clearRect(0,0,i,c),r.forEach((u,p)=>{let f=M+p%t.columns*t.size,y=Math.floor(p/t.columns)*t.size+1;if(a.fillStyle=u===v?e.line:I(L(C,0)),a.fillRect(f,y,d,d),u!==v&&u>0){let g=u/k*d;a.fillStyle=I(L(C,1)),a.fillRect(f,y+d-g,d,g)}}),a.lineWidth=Math.min(2,d/4);for(let u of o)Me(a,t,u,Ee);s>=0&&s<t.experts&&Me(a,t,s,e.accent)}function Me(n,e,t,r){n.strokeStyle=r;let o=M+t%e.columns*e.size,s=Math.floor(t/e.columns)*e.size+1;n.strokeRect(o-.5,s-.5,e.size-1,e.size-1)}var pt=(n,e,t)=>{let r={state:"none",text:""},o=S("sweep","Pause","Stop asking the system, or go on",()=>t(r.state==="paused"?"resume":"pause")),s=le(e,t),a=m("div","fm-says",{"data-name":"says"}),i=m("div","fm-says",{"data-name":"detail"}),c=m("div","fm-tip");c.hidden=!0;let[d,u]=[m("div",""),m("div","")];n.append(m("style","",{},we),m("div","fm-row",{},...s.buttons,o),s.question),n.append(a,d,i,u,bt(),c);let p=Q(d,"Share of every expert that the page cache holds, a row for each layer"),f=Q(u,"The experts of one layer, filled as far as they are resident"),y=new z,g=new G,b=ne(0,1,1),x={shares:e.residency,swept:!0},E=[e.onPart("sweep",l=>{r=l}),e.onPart("residency_seen",l=>{e.connected||ht(e,l.layers)})];p.canvas.addEventListener("click",l=>{let[h,_]=re(b,l.offsetX,l.offsetY);h>=0&&e.select({layer:e.facts.sparse_layers[h],expert:_})}),f.canvas.addEventListener("click",l=>{let h=oe(K(e.facts.num_experts,f.width),l.offsetX,l.offsetY);h>=0&&e.select({layer:N(e),expert:h})});let A=(l,h,_,O)=>{if(c.hidden=l<0||h<0,c.hidden)return;let D=e.facts.sparse_layers[l],T=x.shares[l*e.facts.num_experts+h],B=Te(e,l).has(h)?`
chosen for this token`:"";w(c,`layer ${D}, expert ${h}
${ke(T)}${B}`),c.style.left=`${Math.max(0,Math.min(_.offsetLeft+O.offsetX+14,n.clientWidth-190))}px`,c.style.top=`${_.offsetTop+O.offsetY+16}px`};p.canvas.addEventListener("pointermove",l=>{let[h,_]=re(b,l.offsetX,l.offsetY);A(h,_,d,l)}),f.canvas.addEventListener("pointermove",l=>{let h=oe(K(e.facts.num_experts,f.width),l.offsetX,l.offsetY);A(e.layerRow(N(e)),h,u,l)});for(let l of[p,f])l.canvas.addEventListener("pointerleave",()=>{c.hidden=!0});return{draw(){let l=e.facts,h=ce(n),_=h.dark?j(58,58,58):j(224,224,224);x=te(e.residency)>0?{shares:e.residency,swept:!0}:ve(e,g);let O=Math.max(6,Math.min(22,Math.floor(360/l.sparse_layers.length)));p.fit(l.sparse_layers.length*O+4),b=ne(l.sparse_layers.length,l.num_experts,p.width,O),y.fill(l.num_experts,l.sparse_layers.length,J=>{let ae=x.shares[J];return ae===v?_:L(C,ae/k)});let D=J=>Te(e,J);Re(p,h,e,b,y.canvas,x.shares,D);let T=e.layerRow(N(e));f.fit(f.height);let B=K(l.num_experts,f.width);f.fit(B.height);let X=x.shares.subarray(T*l.num_experts,(T+1)*l.num_experts);Ae(f,h,B,X,D(T),e.selection.expert);let se=Y(x.shares,l.expert_bytes);w(a,yt(e,x,se,r)),Object.assign(a.dataset,{resident:se,swept:te(e.residency),state:r.state}),w(i,gt(N(e),X,l.expert_bytes,D(T).size)),Object.assign(i.dataset,{layer:N(e),resident:Y(X,l.expert_bytes)}),o.hidden=r.state==="none"||!e.connected,w(o,r.state==="paused"?"Go on looking":"Pause looking"),s.draw(N(e),r.state!=="none"&&e.connected,r.state==="busy")},destroy:()=>{for(let l of E)l()}}};function ht(n,e){for(let[t,r]of Object.entries(e))n.setResidency(Number(t),Uint8Array.from(atob(r),o=>o.charCodeAt(0)))}function N(n){let{layer:e}=n.selection;return n.layerRow(e)>=0?e:n.facts?.sparse_layers[0]??-1}function Te(n,e){return new Set(n.chosen(n.shownToken,e))}function yt(n,e,t,r){let o=n.facts;if(!o.residency_per_expert)return`Experts of ${R(o.expert_bytes)} share pages with their neighbours: what is resident of one cannot be told. Open a packed copy (“flashmoe pack”).`;let s=o.expert_bytes*e.shares.length;if(e.swept){let i=r.text?` · ${r.text}`:"";return`${R(t)} of ${R(s)} of experts are in the page cache (${U(t/s)})${i}`}let a=r.text||"no page cache is asked: attach a session to see it live.";return`As the reads up to token ${n.shownToken} found it: what they did not touch is unknown; ${a}`}function gt(n,e,t,r){let[o,s]=[e.filter(c=>c===k),e.filter(c=>c>0&&c<k)],a=e.filter(c=>c===v).length,i=a?`, ${a} unknown`:"";return`Layer ${n}: ${o.length} of ${e.length} experts resident, ${s.length} in part${i}, ${R(Y(e,t))}; ${r} chosen for this token (outlined)`}function bt(){let n=m("i","fm-ramp"),e=Array.from({length:9},(r,o)=>I(L(C,o/8)));n.style.background=`linear-gradient(90deg, ${e.join(", ")})`;let t=[m("span","fm-faint",{},"not resident ",n," resident"),m("span","fm-faint",{},m("i","fm-box fm-box-unknown"),"unknown"),m("span","fm-faint",{},m("i","fm-box fm-box-routed"),"chosen for this token")];return m("div","fm-row fm-legend",{},...t)}var bn=xe({name:"PageCacheView",hint:"PageCacheView(session), or PageCacheView(fm.load_trace(path))",make:pt});export{bn as default,pt as makePageCacheView};
