// widgets/src sha256 832c26aa246be6f9a974d3df3503258ff58a43f17d258cd4c03f329530e737ee
var C={system:"system",user:"you",thought:"thought",text:"model",call:"calls",broken:"no valid call",result:"result",refused:"not run",end:"",error:"error"};function O(n,e){return e.version<=n.version||e.number>n.entries.length||e.number<0?!1:(n.entries[e.number]=e.entry,n.version=e.version,!0)}function H(n){if(n.marks.length===0)return n.text===""?[]:[{said:n.text,row:-1}];let e=[...n.text];return n.marks.map(([t,r],o)=>{let s=n.marks[o+1]?.[0]??e.length;return{said:e.slice(t,s).join(""),row:r}}).filter(({said:t})=>t!=="")}var N=`.fm-chat .fm-log {
  min-height: 120px;
  height: 340px;
  resize: vertical;
  overflow-y: auto;
  border: 1px solid var(--fm-line);
  border-radius: 3px;
  padding: 6px 8px;
}
.fm-chat .fm-entry {
  display: grid;
  grid-template-columns: 112px minmax(0, 1fr);
  gap: 0 10px;
  padding: 3px 0;
}
.fm-chat .fm-who {
  color: var(--fm-faint);
  text-align: right;
  overflow-wrap: anywhere;
}
.fm-chat .fm-said {
  font-size: 13px;
  white-space: pre-wrap;
  overflow-wrap: anywhere;
  border-left: 2px solid transparent;
  padding-left: 8px;
}
.fm-chat [data-kind="user"] .fm-said {
  font-weight: 600;
}
.fm-chat [data-kind="text"] .fm-said {
  border-left-color: var(--fm-accent);
}
.fm-chat [data-kind="thought"] .fm-said {
  color: var(--fm-faint);
  border-left-color: var(--fm-line);
}
.fm-chat [data-kind="call"] .fm-said,
.fm-chat [data-kind="broken"] .fm-said,
.fm-chat [data-kind="result"] .fm-said,
.fm-chat [data-kind="refused"] .fm-said {
  font: 12px / 1.5 var(--jp-code-font-family, ui-monospace, monospace);
  background: var(--fm-raised);
  border-left-color: var(--fm-line);
  border-radius: 0 3px 3px 0;
  padding: 2px 8px;
}
.fm-chat [data-kind="refused"] .fm-said,
.fm-chat [data-kind="broken"] .fm-said {
  border-left-color: var(--fm-warn);
}
.fm-chat [data-kind="error"] .fm-said {
  color: var(--fm-error);
}
.fm-chat [data-kind="end"] .fm-said {
  color: var(--fm-faint);
  font-size: 11px;
}
.fm-chat .fm-word {
  cursor: pointer;
  border-radius: 2px;
}
.fm-chat .fm-word:hover {
  outline: 1px solid var(--fm-faint);
}
.fm-chat .fm-word.fm-chosen {
  outline: 2px solid var(--fm-accent);
  outline-offset: -1px;
}
.fm-chat .fm-write {
  align-items: stretch;
}
.fm-chat textarea {
  resize: vertical;
}
.fm-chat input[type="number"] {
  width: 68px;
}
.fm-chat label {
  white-space: nowrap;
}
.fm-chat .fm-ask {
  border-left: 3px solid var(--fm-warn);
  background: var(--fm-raised);
  padding: 4px 8px;
}
.fm-chat .fm-ask button {
  background: var(--fm-paper);
}
.fm-chat input[type="checkbox"] {
  margin: 0 2px 0 0;
  vertical-align: -2px;
  accent-color: var(--fm-accent);
}
`;function c(n,e,t={},...r){let o=document.createElement(n);e&&(o.className=e);for(let[s,a]of Object.entries(t))o.setAttribute(s,a);return o.append(...r),o}function x(n,e,t,r){let o=c("button","",{type:"button","data-name":n,title:t},e);return o.addEventListener("click",r),o}function w(n,e){n.textContent!==e&&(n.textContent=e)}async function $(n){let{width:e,height:t}=n.getBoundingClientRect();if(e<1||t<1)return null;let r=n.cloneNode(!0),[o,s]=[n.querySelectorAll("canvas"),r.querySelectorAll("canvas")];o.forEach((i,u)=>{if(i.hidden){s[u].remove();return}let d=new Image;d.src=i.toDataURL(),d.setAttribute("style",`${i.getAttribute("style")};display:block`),s[u].replaceWith(d)}),J(n,r),X(n,r);let a=new XMLSerializer().serializeToString(r),l=`<svg xmlns="http://www.w3.org/2000/svg" width="${e}" height="${t}"><foreignObject width="100%" height="100%">${a}</foreignObject></svg>`;try{return await Q(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(l)}`,e,t)}catch{return null}}function J(n,e){let t=e.querySelectorAll("input");n.querySelectorAll("input").forEach((s,a)=>{t[a].setAttribute("value",s.value),t[a].toggleAttribute("checked",s.checked)});let r=e.querySelectorAll("textarea");n.querySelectorAll("textarea").forEach((s,a)=>{r[a].textContent=s.value});let o=e.querySelectorAll("select");n.querySelectorAll("select").forEach((s,a)=>{[...o[a].options].forEach((l,i)=>{l.toggleAttribute("selected",i===s.selectedIndex)})})}function X(n,e){let t=getComputedStyle(n);for(let r of["text","faint","line","paper","raised","accent","warn","error"])e.style.setProperty(`--fm-${r}`,t.getPropertyValue(`--fm-${r}`));e.style.font=t.font}async function Q(n,e,t){let r=new Image;r.src=n,await r.decode();let o=document.createElement("canvas");o.width=Math.round(e),o.height=Math.round(t),o.getContext("2d").drawImage(r,0,0);let s=await new Promise(a=>o.toBlob(a,"image/png"));return s?s.arrayBuffer():null}function k(n){return n.toLocaleString("en")}function F(n){return Number.isFinite(n)?`${(n*100).toFixed(1)} %`:"unknown"}function V(n,e,t){if(n.ctrlKey||n.metaKey||n.altKey)return!1;let r=n.target,o=r.closest("input, select, textarea")!==null;if(n.key==="Escape")e.select({layer:-1,expert:-1,token:-1,following:!0});else{if(o)return!1;if(n.key==="ArrowLeft"||n.key==="ArrowRight")ee(e,n.key==="ArrowRight"?1:-1);else if(n.key==="ArrowUp"||n.key==="ArrowDown"){if(Z(r))return!1;te(e,n.key==="ArrowDown"?1:-1)}else if(n.key===" "&&!r.closest("button"))t("toggle");else return!1}return!0}function Z(n){let e=n.closest('[tabindex="0"]:not(.fm-root)');return e!==null&&e.scrollHeight>e.clientHeight}function ee(n,e){let t=Math.max(0,Math.min(n.tokens-1,n.shownToken+e));n.tokens&&n.select({token:t,following:!1})}function te(n,e){let t=n.facts?.sparse_layers??[];if(t.length===0)return;let r=n.layerRow(n.selection.layer),o=r<0?e>0?0:t.length-1:Math.max(0,Math.min(t.length-1,r+e));n.select({layer:t[o],expert:-1})}var U="fm-page",D;function I(n){D=n,queueMicrotask(()=>{D===n&&ne(n)})}function ne(n){let e=document.getElementById(U),t=document.getElementById(`${U}-data`);if(!e||!t)return;let{traits:r,run:o}=JSON.parse(t.textContent??"{}"),s=n(),a=oe({...r,run:re(o)});s.initialize({model:a}),s.render({model:a,el:e})}function re(n){return new DataView(Uint8Array.from(atob(n),e=>e.charCodeAt(0)).buffer)}function oe(n){return{get:e=>n[e],set:(e,t)=>{n[e]=t},save_changes:()=>{},send:()=>{},on:()=>{}}}var S=class{constructor(e,t,r=96e6){this.width=t;this.mostBytes=r;this.data=e}width;mostBytes;first=0;end=0;data;has(e){return e>=this.first&&e<this.end}at(e,t=0){return this.has(e)?this.data[(e-this.first)*this.width+t]:Number.NaN}rows(e,t=e+1){let r=Math.max(e,this.first)-this.first,o=Math.min(t,this.end)-this.first;return this.data.subarray(r*this.width,Math.max(r,o)*this.width)}append(e,t){let r=Math.max(0,this.end-e),o=this.width?t.length/this.width:0;e>this.end&&(this.first=this.end=e);let s=t.subarray(r*this.width);s.length!==0&&(this.reserve(s.length),this.data.set(s,(this.end-this.first)*this.width),this.end=e+o)}reserve(e){let t=(this.end-this.first)*this.width;if(t+e<=this.data.length)return;let r=this.data.subarray(0,t);if((t+e)*this.data.BYTES_PER_ELEMENT>this.mostBytes&&this.width>1){let o=Math.floor((this.end-this.first)/2);this.data=this.grown(r.subarray(o*this.width),e),this.first+=o}else this.data=this.grown(r,Math.max(e,t))}grown(e,t){let r=this.data.constructor,o=new r(e.length+t);return o.set(e),o}};var se="440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",ae="00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";function B(n){let e=n.split(" ").map(r=>Number.parseInt(r,16)),t=(r,o)=>r>>o&255;return Uint32Array.from({length:256},(r,o)=>{let s=o/255*(e.length-1),a=Math.min(Math.floor(s),e.length-2),l=i=>Math.round(t(e[a],i)*(a+1-s)+t(e[a+1],i)*(s-a));return ie(l(16),l(8),l(0))})}function ie(n,e,t,r=255){return(r<<24|t<<16|e<<8|n)>>>0}var Ke=B(se),Ye=B(ae);var v={cache:"#009E73",partly:"#CC79A7",ssd:"#E69F00",unknown:"#999999",mark:"#0072B2"};var _={PAGE_CACHE:0,PARTLY:1,SSD:2,INFERRED_PAGE_CACHE:3,INFERRED_SSD:4};var Xe=[v.cache,v.partly,v.ssd,v.cache,v.ssd];function j(n){return n.source===_.PARTLY?n.before:n.source===_.PAGE_CACHE||n.source===_.INFERRED_PAGE_CACHE?1:0}function le(n){return n>=_.INFERRED_PAGE_CACHE}function de(n,e){let[t,r]=n.readsOf(e);return Array.from({length:Math.max(0,r-t)},(o,s)=>ce(n,t+s))}function ce(n,e){let t=r=>n.column(`read_${r}`).at(e);return{row:e,layer:t("layer"),expert:t("expert"),thread:t("thread"),bytes:t("bytes"),start:t("start_ms"),end:t("end_ms"),before:t("resident_fraction_before"),source:t("source")}}function ue(n,e){let t=r=>fe(r.map(o=>[o.start,o.end]));return{reads:n.length,bytes:n.reduce((r,o)=>r+o.bytes,0),hitBytes:n.reduce((r,o)=>r+o.bytes*j(o),0),inferred:n.some(r=>le(r.source)),readMs:t(n),ssdMs:t(n.filter(r=>j(r)<1)),passMs:e}}function fe(n){let[e,t]=[0,Number.NEGATIVE_INFINITY];for(let[r,o]of[...n].sort((s,a)=>s[0]-a[0]))e+=Math.max(0,o-Math.max(r,t)),t=Math.max(t,o);return e}var A=class{constructor(e){this.store=e}store;run="";known=new Map;of(e){let t=this.store.place?.run??"";t!==this.run&&this.known.clear(),this.run=t;let r=this.store.column("pass_start").at(e),o=this.known.get(r);if(o)return o;let s=this.store.column("end_ms").at(e)-this.store.column("start_ms").at(e),a=ue(de(this.store,e),s);return a.reads>0&&this.known.set(r,a),a}recent(e,t){let r=[];for(let o=e;o>=0&&r.length<t;o--)this.store.column("phase").at(o)===me&&r.push(this.of(o));return r.reverse()}},me=1;var pe=255,M=class{facts=null;place=null;tokens=0;reads=0;countsBefore=new Uint32Array(0);residency=new Uint8Array(0);selection={token:-1,layer:-1,expert:-1,following:!0};connected=!1;error="";received={messages:0,rows:0,snapshots:0};sums=new A(this);columns=new Map;listeners=new Set;handlers=new Map;kept=new Map;column(e){let t=this.columns.get(e);return t||(t=new S(new Float32Array(0),1),this.columns.set(e,t)),t}get routedFirst(){return this.column("expert_ids").first}get keptExperts(){return this.column("expert_ids").width/Math.max(1,this.facts?.sparse_layers.length??1)}chosen(e,t){let r=this.keptExperts,o=this.column("expert_ids").rows(e).subarray(t*r,(t+1)*r),s=0;for(;s<o.length&&o[s]<this.facts.num_experts;)s++;return o.subarray(0,s)}get shownToken(){let{token:e,following:t}=this.selection;return t||e<0||e>=this.tokens?this.tokens-1:e}layerRow(e){return this.facts?this.facts.sparse_layers.indexOf(e):-1}text(e,t=e+1){let r=this.column("text_start").at(e),o=this.column("text_end").at(Math.min(t,this.tokens)-1);return Number.isNaN(r+o)?"":new TextDecoder().decode(this.column("text").rows(r,o))}readsOf(e){let t=this.column("pass_start").at(e),r=this.column("read_token");return[q(r,t),q(r,t+1)]}apply(e){let t=JSON.parse(e.metadata.place);if(t.run!==this.place?.run){if(!e.metadata.facts)return"gap";this.reset(JSON.parse(e.metadata.facts))}else if(t.token_row>this.tokens)return"gap";let r=e.tensors.get("token_id")?.shape[0]??0,o=t.complete!==this.place?.complete;this.place=t;let s=this.tokens;return(t.token_row+r>this.tokens||o||r===0)&&this.take(e,t,r),this.changed(),this.tokens>s||o?"applied":"nothing new"}setResidency(e,t){let r=this.layerRow(e);r<0||!this.facts||(this.residency.set(t,r*this.facts.num_experts),this.changed())}select(e){let t={...this.selection,...e};Object.keys(t).every(o=>t[o]===this.selection[o])||(Object.assign(this.selection,e),this.changed())}onChange(e){return this.listeners.add(e),()=>this.listeners.delete(e)}changed(){for(let e of this.listeners)e()}onPart(e,t){let r=this.handlers.get(e)??new Set;this.handlers.set(e,r.add(t));let o=this.kept.get(e);return o&&t(o,[]),()=>r.delete(t)}keeps(e){return this.kept.has(e)}keep(e){this.kept.set(e.kind,e),this.hand(e,[])}hand(e,t){for(let r of this.handlers.get(e.kind)??[])r(e,t);this.changed()}reset(e){let t=e.sparse_layers.length*e.num_experts;this.facts=e,this.place=null,this.tokens=this.reads=0,this.columns=new Map,this.countsBefore=new Uint32Array(t),this.residency=new Uint8Array(t).fill(pe),this.error=""}take(e,t,r){let o=e.tensors.get("counts_before");o&&t.routed_row>this.column("expert_ids").end&&this.countsBefore.set(o.values);for(let[s,a]of e.tensors)s!=="counts_before"&&(this.column(s).end===0&&this.columns.set(s,ye(a)),this.put(s,ge(s,t),a.values));this.tokens=Math.max(this.tokens,t.token_row+r),this.reads=this.column("read_token").end}put(e,t,r){let o=this.column(e);if(e!=="expert_ids"){o.append(t,r);return}let[s,a]=[o.first,o.rows(o.first,o.end)];o.append(t,r),o.first>s&&o.first<t&&this.count(a.subarray(0,(o.first-s)*o.width))}count(e){let{num_experts:t,sparse_layers:r}=this.facts;for(let o=0;o<e.length;o++){let s=Math.floor(o/this.keptExperts)%r.length;e[o]<t&&this.countsBefore[s*t+e[o]]++}}},he=new Set(["expert_ids","routing_weights","router_entropy","kept_mass","router_margin"]);function ge(n,e){return n==="text"?e.text_byte:n.startsWith("read_")?e.read_row:n.startsWith("patch_")?e.patch_row:he.has(n)||n.startsWith("layer_")?e.routed_row:e.token_row}function ye(n){let e=n.shape.slice(1).reduce((t,r)=>t*r,1);return new S(n.values.slice(0,0),e)}function q(n,e){let[t,r]=[n.first,n.end];for(;t<r;){let o=t+r>>1;n.at(o)<e?t=o+1:r=o}return t}var z=`.fm-root {
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
`;var W={F64:Float64Array,F32:Float32Array,I32:Int32Array,I16:Int16Array,U32:Uint32Array,U16:Uint16Array,U8:Uint8Array};function L(n){let e=Number(n.getBigUint64(0,!0)),t=new TextDecoder().decode(new Uint8Array(n.buffer,n.byteOffset+8,e)),r=JSON.parse(t),o=r.__metadata__??{},s=n.byteOffset+8+e,a=new Map;for(let[l,{dtype:i,shape:u,data_offsets:d}]of Object.entries(r)){if(l==="__metadata__")continue;let m=W[i];if(!m)throw new Error(`array "${l}" has the type ${i}, expected one of ${Object.keys(W).join(", ")}`);let p=new m(n.buffer.slice(s+d[0],s+d[1]));a.set(l,{shape:u,values:p})}return{metadata:o,tensors:a}}var P=["token","layer","expert","following"],T=class{constructor(e,t){this.model=e;this.store=t;e.on("msg:custom",(r,o)=>this.receive(r,o)),e.on("change:run",()=>this.load()),e.on("change:state",()=>this.kept());for(let r of P)e.on(`change:${r}`,()=>this.selected([r]));e.on("comm_live_update",()=>this.gone()),this.load(),this.kept(),this.selected(P),t.onChange(()=>this.publish()),this.ask()}model;store;painted={token:-1,frames:0,latencies:[]};asked=!1;seq=0;toldPainted=-1;send=(e,t={})=>{this.tell({kind:"command",name:e,args:t})};picture(e){this.tell({kind:"picture"},[e])}tell(e,t=[]){if(this.store.connected)try{this.model.send(e,void 0,t)}catch{this.gone()}}receive(e,t){if(e?.parts===void 0)return;this.store.connected=!0;let r=0;for(let o of e.parts){let s=t.slice(r,r+o.n_buffers);r+=o.n_buffers,o.kind==="rows"?this.rows(s[0]):o.kind==="residency"?this.store.setResidency(o.layer,we(s[0])):this.other(o,s)}this.store.received.messages++,this.seq=e.seq,this.acknowledge()}settle(){this.painted.token!==this.toldPainted&&this.acknowledge()}acknowledge(){let{token:e,frames:t,latencies:r}=this.painted;this.toldPainted=e,this.tell({kind:"ack",seq:this.seq,painted:e,frames:t,latencies:r.splice(0)})}rows(e){let t=this.store.tokens;this.store.apply(L(e))==="gap"?this.ask():this.asked=!1,this.store.received.rows+=Math.max(0,this.store.tokens-t)}other(e,t){e.kind==="hello"&&(this.asked=!1),e.kind==="error"&&(this.store.error=String(e.text)),this.store.hand(e,t)}load(){let e=this.model.get("run");!e||e.byteLength===0||this.store.apply(L(e))==="applied"&&this.store.received.snapshots++}kept(){for(let e of Object.values(this.model.get("state")??{}))this.store.keep(e)}ask(){this.asked||(this.asked=!0,this.model.send({kind:"snapshot?",run:this.store.place?.run??"",tokens:this.store.tokens}))}selected(e){let t=Object.fromEntries(e.map(r=>[r,this.model.get(r)]));this.store.select(t)}publish(){let{model:e,store:t}=this,r=P.filter(o=>e.get(o)!==t.selection[o]);for(let o of r)e.set(o,t.selection[o]);r.length&&e.save_changes()}gone(){this.store.connected=!1,this.store.changed()}};function we(n){return new Uint8Array(n.buffer,n.byteOffset,n.byteLength)}var xe=1500,ke=150,ve=navigator.hardwareConcurrency<=4?30:0;function K(n){let e=()=>{let t;return{initialize({model:r}){t=new T(r,new M)},render({model:r,el:o}){return t??=new T(r,new M),Ee(n,o,t)}}};return I(e),e}function Ee(n,e,t){let{store:r,send:o}=t,s=n.ready??(h=>h.facts!==null),a=Me(n,s);e.append(a.root);let l=n.make(a.body,r,o),i=!0,[u,d,m,p]=[0,0,0,0],y=()=>{u||=requestAnimationFrame(E)},b=()=>{i=!0,y()},E=h=>{if(u=0,h-d<ve){y();return}a.show(r);let Y=i;i=!1,s(r)&&l.draw(h,Y)&&y(),Se(t),d=h,p||=setTimeout(R,ke),clearTimeout(m),m=setTimeout(f,xe)},R=()=>{p=0,a.status(t)},f=async()=>{if(t.settle(),!s(r)||!r.connected||document.hidden||d===0)return;let h=await $(a.root);h&&t.picture(h)},g=[r.onChange(b),Re(a.root,b),Ae(a.root,b)];return a.root.addEventListener("keydown",h=>{V(h,r,o)&&(h.preventDefault(),h.stopPropagation())}),y(),()=>{for(let h of g)h();cancelAnimationFrame(u),clearTimeout(m),clearTimeout(p),l.destroy(),a.root.remove()}}function Se({store:n,painted:e}){e.frames++;let t=n.tokens-1;if(t===e.token)return;e.token=t;let r=Date.now()-(n.place.epoch_ms+n.column("end_ms").at(t));t>=0&&!n.place.complete&&e.latencies.length<100&&e.latencies.push(Math.round(r*10)/10)}function Me(n,e){let t=c("style","",{},z),r=c("span","fm-of"),o=c("div","fm-head",{},c("span","fm-name",{},n.name),r),s=c("div","fm-body"),a=c("div","fm-empty",{},"Nothing to show yet. ",c("code","",{},n.hint)),l=c("div","fm-error",{role:"alert"}),i=c("div","fm-status"),u=c("div","fm-root",{role:"group","aria-label":n.name,tabindex:"0"});return u.append(t,o,s,a,l,i),{root:u,body:s,show(d){s.hidden=!e(d),a.hidden=e(d),w(r,d.facts?Te(d):""),w(l,d.error),l.hidden=d.error===""},status({store:d,painted:m}){let{messages:p,rows:y,snapshots:b}=d.received;Object.assign(i.dataset,{tokens:d.tokens,painted:m.token,frames:m.frames}),Object.assign(i.dataset,{messages:p,rows:y,snapshots:b,connected:d.connected,shown:d.shownToken}),w(i,d.facts?_e(d,m.token):"")}}}function Te(n){let e=n.place?.complete?"recorded":"recording";return`${n.facts.label} · ${e} · ${n.facts.machine}`}function _e(n,e){let{messages:t,rows:r}=n.received,o=`${k(n.tokens)} tokens, ${k(n.reads)} reads, newest painted: ${e<0?"none":e}`,s=t>1&&r>0?` · ${k(r)} live in ${k(t)} messages`:"",a=n.routedFirst,l=a>0?` · routing from token ${k(a)} on (${F(1-a/n.tokens)})`:"",i=t===0?"":" · no kernel: what it sent last";return o+s+l+(n.connected?"":i)}function Ae(n,e){let t=new ResizeObserver(e);return t.observe(n),()=>t.disconnect()}function Re(n,e){let t=matchMedia("(prefers-color-scheme: dark)"),r=()=>{let s=getComputedStyle(n).getPropertyValue("--jp-ui-font-color1")!=="";n.classList.toggle("fm-plain",!s),n.classList.toggle("fm-dark",s?Ce(n):t.matches),e()},o=new MutationObserver(r);return o.observe(document.body,{attributes:!0}),t.addEventListener("change",r),requestAnimationFrame(r),()=>{o.disconnect(),t.removeEventListener("change",r)}}function Ce(n){let[e,t,r]=(getComputedStyle(n).backgroundColor.match(/[\d.]+/g)??["255","255","255"]).map(Number);return .299*e+.587*t+.114*r<128}var Le=(n,e,t)=>{let r=null,o=(f,g={})=>t("chat",{do:f,...g}),s=Oe(e),a=$e(f=>o("answer",{allow:f})),l=Ve(),i=c("textarea","fm-grow",{rows:"2","data-name":"message",placeholder:"a message"});i.setAttribute("aria-label","message; Enter sends it, Shift+Enter begins a line");let u=()=>{!r||!e.connected||r.state!=="idle"||i.value.trim()===""||(o("send",{text:i.value,settings:l.values()}),i.value="")},d=x("send","Send","Send the message (Enter)",u),m=x("stop","■ stop","End the answer after the token at hand; what was said stays",()=>o("stop")),p=x("reset","New conversation","Forget all but the system prompt",()=>o("reset")),y=c("span","fm-faint",{role:"status","data-name":"chat-state"}),b=c("div","fm-says",{"data-name":"tools"});i.addEventListener("keydown",f=>{f.key!=="Enter"||f.shiftKey||f.isComposing||(f.preventDefault(),u())});let E=c("div","fm-chat",{},s.el,a.el,c("div","fm-row fm-write",{},i,d,m));E.append(c("div","fm-row",{},...l.fields,p,y),b),n.append(c("style","",{},N),E);let R=[e.onPart("chat",f=>{let g=f;r&&g.version<r.version||(r={...g,entries:[...g.entries]},l.fill(g.settings))}),e.onPart("chat_tail",f=>{r&&O(r,f)})];return{draw(){if(r===null)return;let[f,g]=[e.connected,r.state==="idle"];s.show(r.entries,e.shownToken),a.show(f?r.asked:null),d.disabled=!f||!g,m.disabled=!f||g,p.disabled=!f,w(y,{idle:"",answering:"answering …",asking:"waiting for your leave"}[r.state]),E.dataset.state=r.state,w(b,Pe(r))},destroy(){for(let f of R)f()}}};function Pe(n){return n.tools.length===0?"No tools: give them with ChatView(fm.Chat(engine, tools=[...])).":`Tools: ${n.tools.map(({name:e,description:t})=>`${e} (${t})`).join(" · ")}`}function Oe(n){let e=c("div","fm-log",{role:"log","aria-label":"conversation",tabindex:"0","data-name":"log"}),t=c("div","fm-faint",{},"Nothing said yet."),r=[],o=null;return e.addEventListener("click",s=>{let a=s.target.closest("[data-row]")?.dataset.row;a!==void 0&&Number(a)<n.tokens&&n.select({token:Number(a),following:!1})}),{el:e,show(s,a){let l=e.scrollTop+e.clientHeight>=e.scrollHeight-8,i=!1;for(;r.length>s.length;)r.pop().el.remove(),i=!0;for(let[d,m]of s.entries()){if(r[d]&&He(r[d].entry,m))continue;let p=Ne(m);r[d]?r[d].el.replaceWith(p):e.append(p),r[d]={el:p,entry:m},i=!0}s.length===0?e.append(t):t.remove(),i&&l&&(e.scrollTop=e.scrollHeight);let u=e.querySelector(`[data-row="${a}"]`);u!==o&&(o?.classList.remove("fm-chosen"),u?.classList.add("fm-chosen"),o=u)}}}function He(n,e){return n===e||n.kind===e.kind&&n.text===e.text&&n.name===e.name&&n.marks.length===e.marks.length}function Ne(n){let e=n.kind==="call"?`${C.call} ${n.name}`:C[n.kind],t=c("div","fm-said");for(let{said:o,row:s}of H(n))t.append(s<0?o:c("span","fm-word",{"data-row":String(s),title:`token ${s}`},o));return c("div","fm-entry",{"data-kind":n.kind},c("span","fm-who",{},e),t)}function $e(n){let e=c("code","",{"data-name":"asked"}),t=x("allow","Allow","Run it this once",()=>n(!0)),r=x("refuse","Refuse","Do not run it; the model is told",()=>n(!1)),o=c("div","fm-row fm-ask",{role:"alertdialog","aria-label":"A tool wants to run"});return o.append(c("span","",{},"Run "),e,t,r),{el:o,show(s){o.hidden=s===null,s&&w(e,`${s.name}(${JSON.stringify(s.arguments)})`)}}}var Fe=[["max_tokens","tokens","1","1","of one answer, at most"],["temperature","temperature","0","0.1","0 takes the likeliest token"],["top_p","top-p","0","0.05","draw from the likeliest tokens that hold this share"],["min_p","min-p","0","0.01","leave out tokens below this share of the likeliest one's"],["seed","seed","0","1","of the random numbers; empty differs each time"]];function Ve(){let n=new Map,e=Fe.map(([o,s,a,l,i])=>{let u=c("input","",{type:"number",min:a,step:l==="1"?"1":"any","data-name":o});return n.set(o,u),c("label","",{title:i},`${s} `,u)}),t=c("input","",{type:"checkbox","data-name":"enable_thinking"});e.push(c("label","",{title:"let the template open a thinking block"},t," thinking"));let r=!1;for(let o of[...n.values(),t])o.addEventListener("input",()=>{r=!0});return{fields:e,values(){let s=[...n].map(([a,{value:l}])=>[a,l===""?null:Number(l)]).filter(([a,l])=>l!==null||a==="seed");return{...Object.fromEntries(s),enable_thinking:t.checked}},fill(o){if(!r){for(let[s,a]of n)a.value=String(o[s]??"");t.checked=o.enable_thinking===!0}}}}var wt=K({name:"ChatView",hint:"ChatView(fm.Chat(engine)), or ChatView(engine)",make:Le,ready:n=>n.keeps("chat")});export{wt as default,Le as makeChatView};
