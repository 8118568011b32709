// widgets/src sha256 ec847ab24e189c4d13a4cdabc367a114e1da2db630a6f68e15093163dd412f9f
function j(n,e){let t=document.createElement("canvas");t.className="fm-canvas",t.setAttribute("role","img"),t.setAttribute("aria-label",e),n.append(t);let r=t.getContext("2d"),[o,s]=[0,0];return{canvas:t,context:r,get width(){return o},get height(){return s},fit(a){let c=globalThis.devicePixelRatio||1,l=Math.max(200,Math.floor(n.clientWidth)),d=l!==o||a!==s||t.width!==Math.round(l*c);return d&&([o,s]=[l,a],t.width=Math.round(l*c),t.height=Math.round(a*c),t.style.width=`${l}px`,t.style.height=`${a}px`),r.setTransform(c,0,0,c,0,0),d}}}var Te="440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",Ee="00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";function Q(n){let e=n.split(" ").map(r=>Number.parseInt(r,16)),t=(r,o)=>r>>o&255;return Uint32Array.from({length:256},(r,o)=>{let s=o/255*(e.length-1),a=Math.min(Math.floor(s),e.length-2),c=l=>Math.round(t(e[a],l)*(a+1-s)+t(e[a+1],l)*(s-a));return _e(c(16),c(8),c(0))})}function _e(n,e,t,r=255){return(r<<24|t<<16|e<<8|n)>>>0}var At=Q(Te),Lt=Q(Ee);var x={cache:"#009E73",partly:"#CC79A7",ssd:"#E69F00",unknown:"#999999",mark:"#0072B2"};function ee(n){let e=getComputedStyle(n),t=r=>e.getPropertyValue(r).trim();return{dark:n.closest(".fm-dark")!==null,text:t("--fm-text"),faint:t("--fm-faint"),line:t("--fm-line"),paper:t("--fm-paper"),accent:t("--fm-accent"),font:e.fontFamily}}function h(n,e,t={},...r){let o=document.createElement(n);e&&(o.className=e);for(let[s,a]of Object.entries(t))o.setAttribute(s,a);return o.append(...r),o}function C(n,e,t,r){let o=h("button","",{type:"button","data-name":n,title:t},e);return o.addEventListener("click",r),o}function T(n,e){n.textContent!==e&&(n.textContent=e)}function te(n,e,t){let r=h("span","fm-group",{role:"radiogroup","aria-label":n}),o=e.map(([s,a,c])=>{let l=C(s,a,c,()=>t(s));return l.setAttribute("role","radio"),r.append(l),l});return{el:r,show(s){for(let a of o)a.setAttribute("aria-checked",String(a.dataset.name===s))}}}function A(n){return n.toLocaleString("en")}function O(n){for(let[e,t]of[["TB",1e12],["GB",1e9],["MB",1e6],["kB",1e3]])if(n>=t)return`${F(n/t)} ${e}`;return`${n} B`}function E(n){return n>=1e3?`${F(n/1e3)} s`:n>=1?`${F(n)} ms`:`${F(n*1e3)} µs`}function S(n){return Number.isFinite(n)?`${(n*100).toFixed(1)} %`:"unknown"}function ne(n){return n.replaceAll(`
`,"⏎").replaceAll("	","⇥").replaceAll(" ","␣")}function F(n){return n>=999.5?n.toFixed(0):n.toPrecision(3)}var Ae=.95,Le=.1,Ce=8;function $e(n,e){return e<Ce||n.bytes===0?!1:n.hitBytes/n.bytes>=Ae&&n.ssdMs/n.passMs<=Le}function re(n,e){let t={state:"none",text:"",choices:[]},r=h("span","fm-grow"),o=h("select","",{"data-name":"limit_bytes","aria-label":"Memory limit"}),s=C("limit","Limit memory","Make the page cache scarce, so that reads reach the SSD",()=>e("limit",{nbytes:Number(o.value)})),a=C("lift","Lift the limit","Give the page cache all memory back",()=>e("lift")),c=h("div","fm-row fm-banner",{role:"status","data-name":"banner"},r,o,s,a),l=n.onPart("limit",d=>{t=d;let i=o.value;o.replaceChildren(...t.choices.map(({nbytes:u,text:f})=>h("option","",{value:String(u)},f))),t.choices.some(({nbytes:u})=>String(u)===i)&&(o.value=i)});return{el:c,draw(d,i){let u=$e(d,i),f=t.state==="on"||t.state==="busy";c.hidden=!u&&!f&&t.text==="",c.dataset.state=t.state;let p=t.state==="off"&&n.connected&&t.choices.length>0;o.hidden=s.hidden=!p,a.hidden=t.state!=="on",T(r,Oe(t,u,d,i))},destroy:l}}function Oe(n,e,t,r){let s=`You are measuring RAM: ${S(t.hitBytes/t.bytes)} of the bytes read for the last ${r} tokens were in the page cache. `,a=n.state==="none"&&e?`These ${O(t.bytes)} say nothing of an SSD; attach a session to limit memory. `:"";return`${e?s:""}${a}${n.text}`}async function oe(n){let{width:e,height:t}=n.getBoundingClientRect();if(e<1||t<1)return null;let r=n.cloneNode(!0),[o,s]=[n.querySelectorAll("canvas"),r.querySelectorAll("canvas")];o.forEach((l,d)=>{if(l.hidden){s[d].remove();return}let i=new Image;i.src=l.toDataURL(),i.setAttribute("style",`${l.getAttribute("style")};display:block`),s[d].replaceWith(i)}),Pe(n,r),Ne(n,r);let a=new XMLSerializer().serializeToString(r),c=`<svg xmlns="http://www.w3.org/2000/svg" width="${e}" height="${t}"><foreignObject width="100%" height="100%">${a}</foreignObject></svg>`;try{return await Be(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(c)}`,e,t)}catch{return null}}function Pe(n,e){let t=e.querySelectorAll("input");n.querySelectorAll("input").forEach((s,a)=>{t[a].setAttribute("value",s.value),t[a].toggleAttribute("checked",s.checked)});let r=e.querySelectorAll("textarea");n.querySelectorAll("textarea").forEach((s,a)=>{r[a].textContent=s.value});let o=e.querySelectorAll("select");n.querySelectorAll("select").forEach((s,a)=>{[...o[a].options].forEach((c,l)=>{c.toggleAttribute("selected",l===s.selectedIndex)})})}function Ne(n,e){let t=getComputedStyle(n);for(let r of["text","faint","line","paper","raised","accent","warn","error"])e.style.setProperty(`--fm-${r}`,t.getPropertyValue(`--fm-${r}`));e.style.font=t.font}async function Be(n,e,t){let r=new Image;r.src=n,await r.decode();let o=document.createElement("canvas");o.width=Math.round(e),o.height=Math.round(t),o.getContext("2d").drawImage(r,0,0);let s=await new Promise(a=>o.toBlob(a,"image/png"));return s?s.arrayBuffer():null}function se(n,e,t){if(n.ctrlKey||n.metaKey||n.altKey)return!1;let r=n.target,o=r.closest("input, select, textarea")!==null;if(n.key==="Escape")e.select({layer:-1,expert:-1,token:-1,following:!0});else{if(o)return!1;if(n.key==="ArrowLeft"||n.key==="ArrowRight")Ue(e,n.key==="ArrowRight"?1:-1);else if(n.key==="ArrowUp"||n.key==="ArrowDown"){if(De(r))return!1;Ie(e,n.key==="ArrowDown"?1:-1)}else if(n.key===" "&&!r.closest("button"))t("toggle");else return!1}return!0}function De(n){let e=n.closest('[tabindex="0"]:not(.fm-root)');return e!==null&&e.scrollHeight>e.clientHeight}function Ue(n,e){let t=Math.max(0,Math.min(n.tokens-1,n.shownToken+e));n.tokens&&n.select({token:t,following:!1})}function Ie(n,e){let t=n.facts?.sparse_layers??[];if(t.length===0)return;let r=n.layerRow(n.selection.layer),o=r<0?e>0?0:t.length-1:Math.max(0,Math.min(t.length-1,r+e));n.select({layer:t[o],expert:-1})}var ae="fm-page",ie;function le(n){ie=n,queueMicrotask(()=>{ie===n&&Fe(n)})}function Fe(n){let e=document.getElementById(ae),t=document.getElementById(`${ae}-data`);if(!e||!t)return;let{traits:r,run:o}=JSON.parse(t.textContent??"{}"),s=n(),a=Ve({...r,run:He(o)});s.initialize({model:a}),s.render({model:a,el:e})}function He(n){return new DataView(Uint8Array.from(atob(n),e=>e.charCodeAt(0)).buffer)}function Ve(n){return{get:e=>n[e],set:(e,t)=>{n[e]=t},save_changes:()=>{},send:()=>{},on:()=>{}}}var N=class{constructor(e,t,r=96e6){this.width=t;this.mostBytes=r;this.data=e}width;mostBytes;first=0;end=0;data;has(e){return e>=this.first&&e<this.end}at(e,t=0){return this.has(e)?this.data[(e-this.first)*this.width+t]:Number.NaN}rows(e,t=e+1){let r=Math.max(e,this.first)-this.first,o=Math.min(t,this.end)-this.first;return this.data.subarray(r*this.width,Math.max(r,o)*this.width)}append(e,t){let r=Math.max(0,this.end-e),o=this.width?t.length/this.width:0;e>this.end&&(this.first=this.end=e);let s=t.subarray(r*this.width);s.length!==0&&(this.reserve(s.length),this.data.set(s,(this.end-this.first)*this.width),this.end=e+o)}reserve(e){let t=(this.end-this.first)*this.width;if(t+e<=this.data.length)return;let r=this.data.subarray(0,t);if((t+e)*this.data.BYTES_PER_ELEMENT>this.mostBytes&&this.width>1){let o=Math.floor((this.end-this.first)/2);this.data=this.grown(r.subarray(o*this.width),e),this.first+=o}else this.data=this.grown(r,Math.max(e,t))}grown(e,t){let r=this.data.constructor,o=new r(e.length+t);return o.set(e),o}};var H={PAGE_CACHE:0,PARTLY:1,SSD:2,INFERRED_PAGE_CACHE:3,INFERRED_SSD:4},z=["page cache","partly page cache","SSD","page cache, inferred from its time","SSD, inferred from its time"],P=[x.cache,x.partly,x.ssd,x.cache,x.ssd];function ce(n){return n.source===H.PARTLY?n.before:n.source===H.PAGE_CACHE||n.source===H.INFERRED_PAGE_CACHE?1:0}function q(n){return n>=H.INFERRED_PAGE_CACHE}function Y(n,e){let[t,r]=n.readsOf(e);return Array.from({length:Math.max(0,r-t)},(o,s)=>ze(n,t+s))}function ze(n,e){let t=r=>n.column(`read_${r}`).at(e);return{row:e,layer:t("layer"),expert:t("expert"),thread:t("thread"),bytes:t("bytes"),start:t("start_ms"),end:t("end_ms"),before:t("resident_fraction_before"),source:t("source")}}function We(n,e){let t=r=>je(r.map(o=>[o.start,o.end]));return{reads:n.length,bytes:n.reduce((r,o)=>r+o.bytes,0),hitBytes:n.reduce((r,o)=>r+o.bytes*ce(o),0),inferred:n.some(r=>q(r.source)),readMs:t(n),ssdMs:t(n.filter(r=>ce(r)<1)),passMs:e}}function de(n){let e=t=>n.reduce((r,o)=>r+o[t],0);return{reads:e("reads"),bytes:e("bytes"),hitBytes:e("hitBytes"),inferred:n.some(t=>t.inferred),readMs:e("readMs"),ssdMs:e("ssdMs"),passMs:e("passMs")}}function je(n){let[e,t]=[0,Number.NEGATIVE_INFINITY];for(let[r,o]of[...n].sort((s,a)=>s[0]-a[0]))e+=Math.max(0,o-Math.max(r,t)),t=Math.max(t,o);return e}var V=class{constructor(e){this.store=e}store;run="";known=new Map;of(e){let t=this.store.place?.run??"";t!==this.run&&this.known.clear(),this.run=t;let r=this.store.column("pass_start").at(e),o=this.known.get(r);if(o)return o;let s=this.store.column("end_ms").at(e)-this.store.column("start_ms").at(e),a=We(Y(this.store,e),s);return a.reads>0&&this.known.set(r,a),a}recent(e,t){let r=[];for(let o=e;o>=0&&r.length<t;o--)this.store.column("phase").at(o)===B&&r.push(this.of(o));return r.reverse()}},B=1;var qe=255,D=class{facts=null;place=null;tokens=0;reads=0;countsBefore=new Uint32Array(0);residency=new Uint8Array(0);selection={token:-1,layer:-1,expert:-1,following:!0};connected=!1;error="";received={messages:0,rows:0,snapshots:0};sums=new V(this);columns=new Map;listeners=new Set;handlers=new Map;kept=new Map;column(e){let t=this.columns.get(e);return t||(t=new N(new Float32Array(0),1),this.columns.set(e,t)),t}get routedFirst(){return this.column("expert_ids").first}get keptExperts(){return this.column("expert_ids").width/Math.max(1,this.facts?.sparse_layers.length??1)}chosen(e,t){let r=this.keptExperts,o=this.column("expert_ids").rows(e).subarray(t*r,(t+1)*r),s=0;for(;s<o.length&&o[s]<this.facts.num_experts;)s++;return o.subarray(0,s)}get shownToken(){let{token:e,following:t}=this.selection;return t||e<0||e>=this.tokens?this.tokens-1:e}layerRow(e){return this.facts?this.facts.sparse_layers.indexOf(e):-1}text(e,t=e+1){let r=this.column("text_start").at(e),o=this.column("text_end").at(Math.min(t,this.tokens)-1);return Number.isNaN(r+o)?"":new TextDecoder().decode(this.column("text").rows(r,o))}readsOf(e){let t=this.column("pass_start").at(e),r=this.column("read_token");return[U(r,t),U(r,t+1)]}apply(e){let t=JSON.parse(e.metadata.place);if(t.run!==this.place?.run){if(!e.metadata.facts)return"gap";this.reset(JSON.parse(e.metadata.facts))}else if(t.token_row>this.tokens)return"gap";let r=e.tensors.get("token_id")?.shape[0]??0,o=t.complete!==this.place?.complete;this.place=t;let s=this.tokens;return(t.token_row+r>this.tokens||o||r===0)&&this.take(e,t,r),this.changed(),this.tokens>s||o?"applied":"nothing new"}setResidency(e,t){let r=this.layerRow(e);r<0||!this.facts||(this.residency.set(t,r*this.facts.num_experts),this.changed())}select(e){let t={...this.selection,...e};Object.keys(t).every(o=>t[o]===this.selection[o])||(Object.assign(this.selection,e),this.changed())}onChange(e){return this.listeners.add(e),()=>this.listeners.delete(e)}changed(){for(let e of this.listeners)e()}onPart(e,t){let r=this.handlers.get(e)??new Set;this.handlers.set(e,r.add(t));let o=this.kept.get(e);return o&&t(o,[]),()=>r.delete(t)}keeps(e){return this.kept.has(e)}keep(e){this.kept.set(e.kind,e),this.hand(e,[])}hand(e,t){for(let r of this.handlers.get(e.kind)??[])r(e,t);this.changed()}reset(e){let t=e.sparse_layers.length*e.num_experts;this.facts=e,this.place=null,this.tokens=this.reads=0,this.columns=new Map,this.countsBefore=new Uint32Array(t),this.residency=new Uint8Array(t).fill(qe),this.error=""}take(e,t,r){let o=e.tensors.get("counts_before");o&&t.routed_row>this.column("expert_ids").end&&this.countsBefore.set(o.values);for(let[s,a]of e.tensors)s!=="counts_before"&&(this.column(s).end===0&&this.columns.set(s,Ke(a)),this.put(s,Ge(s,t),a.values));this.tokens=Math.max(this.tokens,t.token_row+r),this.reads=this.column("read_token").end}put(e,t,r){let o=this.column(e);if(e!=="expert_ids"){o.append(t,r);return}let[s,a]=[o.first,o.rows(o.first,o.end)];o.append(t,r),o.first>s&&o.first<t&&this.count(a.subarray(0,(o.first-s)*o.width))}count(e){let{num_experts:t,sparse_layers:r}=this.facts;for(let o=0;o<e.length;o++){let s=Math.floor(o/this.keptExperts)%r.length;e[o]<t&&this.countsBefore[s*t+e[o]]++}}},Ye=new Set(["expert_ids","routing_weights","router_entropy","kept_mass","router_margin"]);function Ge(n,e){return n==="text"?e.text_byte:n.startsWith("read_")?e.read_row:n.startsWith("patch_")?e.patch_row:Ye.has(n)||n.startsWith("layer_")?e.routed_row:e.token_row}function Ke(n){let e=n.shape.slice(1).reduce((t,r)=>t*r,1);return new N(n.values.slice(0,0),e)}function U(n,e){let[t,r]=[n.first,n.end];for(;t<r;){let o=t+r>>1;n.at(o)<e?t=o+1:r=o}return t}var ue=`.fm-root {
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
`;var me={F64:Float64Array,F32:Float32Array,I32:Int32Array,I16:Int16Array,U32:Uint32Array,U16:Uint16Array,U8:Uint8Array};function G(n){let e=Number(n.getBigUint64(0,!0)),t=new TextDecoder().decode(new Uint8Array(n.buffer,n.byteOffset+8,e)),r=JSON.parse(t),o=r.__metadata__??{},s=n.byteOffset+8+e,a=new Map;for(let[c,{dtype:l,shape:d,data_offsets:i}]of Object.entries(r)){if(c==="__metadata__")continue;let u=me[l];if(!u)throw new Error(`array "${c}" has the type ${l}, expected one of ${Object.keys(me).join(", ")}`);let f=new u(n.buffer.slice(s+i[0],s+i[1]));a.set(c,{shape:d,values:f})}return{metadata:o,tensors:a}}var K=["token","layer","expert","following"],I=class{constructor(e,t){this.model=e;this.store=t;e.on("msg:custom",(r,o)=>this.receive(r,o)),e.on("change:run",()=>this.load()),e.on("change:state",()=>this.kept());for(let r of K)e.on(`change:${r}`,()=>this.selected([r]));e.on("comm_live_update",()=>this.gone()),this.load(),this.kept(),this.selected(K),t.onChange(()=>this.publish()),this.ask()}model;store;painted={token:-1,frames:0,latencies:[]};asked=!1;seq=0;toldPainted=-1;send=(e,t={})=>{this.tell({kind:"command",name:e,args:t})};picture(e){this.tell({kind:"picture"},[e])}tell(e,t=[]){if(this.store.connected)try{this.model.send(e,void 0,t)}catch{this.gone()}}receive(e,t){if(e?.parts===void 0)return;this.store.connected=!0;let r=0;for(let o of e.parts){let s=t.slice(r,r+o.n_buffers);r+=o.n_buffers,o.kind==="rows"?this.rows(s[0]):o.kind==="residency"?this.store.setResidency(o.layer,Je(s[0])):this.other(o,s)}this.store.received.messages++,this.seq=e.seq,this.acknowledge()}settle(){this.painted.token!==this.toldPainted&&this.acknowledge()}acknowledge(){let{token:e,frames:t,latencies:r}=this.painted;this.toldPainted=e,this.tell({kind:"ack",seq:this.seq,painted:e,frames:t,latencies:r.splice(0)})}rows(e){let t=this.store.tokens;this.store.apply(G(e))==="gap"?this.ask():this.asked=!1,this.store.received.rows+=Math.max(0,this.store.tokens-t)}other(e,t){e.kind==="hello"&&(this.asked=!1),e.kind==="error"&&(this.store.error=String(e.text)),this.store.hand(e,t)}load(){let e=this.model.get("run");!e||e.byteLength===0||this.store.apply(G(e))==="applied"&&this.store.received.snapshots++}kept(){for(let e of Object.values(this.model.get("state")??{}))this.store.keep(e)}ask(){this.asked||(this.asked=!0,this.model.send({kind:"snapshot?",run:this.store.place?.run??"",tokens:this.store.tokens}))}selected(e){let t=Object.fromEntries(e.map(r=>[r,this.model.get(r)]));this.store.select(t)}publish(){let{model:e,store:t}=this,r=K.filter(o=>e.get(o)!==t.selection[o]);for(let o of r)e.set(o,t.selection[o]);r.length&&e.save_changes()}gone(){this.store.connected=!1,this.store.changed()}};function Je(n){return new Uint8Array(n.buffer,n.byteOffset,n.byteLength)}var Ze=1500,Qe=150,et=navigator.hardwareConcurrency<=4?30:0;function fe(n){let e=()=>{let t;return{initialize({model:r}){t=new I(r,new D)},render({model:r,el:o}){return t??=new I(r,new D),tt(n,o,t)}}};return le(e),e}function tt(n,e,t){let{store:r,send:o}=t,s=n.ready??(m=>m.facts!==null),a=rt(n,s);e.append(a.root);let c=n.make(a.body,r,o),l=!0,[d,i,u,f]=[0,0,0,0],p=()=>{d||=requestAnimationFrame(b)},g=()=>{l=!0,p()},b=m=>{if(d=0,m-i<et){p();return}a.show(r);let y=l;l=!1,s(r)&&c.draw(m,y)&&p(),nt(t),i=m,f||=setTimeout(M,Qe),clearTimeout(u),u=setTimeout(v,Ze)},M=()=>{f=0,a.status(t)},v=async()=>{if(t.settle(),!s(r)||!r.connected||document.hidden||i===0)return;let m=await oe(a.root);m&&t.picture(m)},w=[r.onChange(g),it(a.root,g),at(a.root,g)];return a.root.addEventListener("keydown",m=>{se(m,r,o)&&(m.preventDefault(),m.stopPropagation())}),p(),()=>{for(let m of w)m();cancelAnimationFrame(d),clearTimeout(u),clearTimeout(f),c.destroy(),a.root.remove()}}function nt({store:n,painted:e}){e.frames++;let t=n.tokens-1;if(t===e.token)return;e.token=t;let r=Date.now()-(n.place.epoch_ms+n.column("end_ms").at(t));t>=0&&!n.place.complete&&e.latencies.length<100&&e.latencies.push(Math.round(r*10)/10)}function rt(n,e){let t=h("style","",{},ue),r=h("span","fm-of"),o=h("div","fm-head",{},h("span","fm-name",{},n.name),r),s=h("div","fm-body"),a=h("div","fm-empty",{},"Nothing to show yet. ",h("code","",{},n.hint)),c=h("div","fm-error",{role:"alert"}),l=h("div","fm-status"),d=h("div","fm-root",{role:"group","aria-label":n.name,tabindex:"0"});return d.append(t,o,s,a,c,l),{root:d,body:s,show(i){s.hidden=!e(i),a.hidden=e(i),T(r,i.facts?ot(i):""),T(c,i.error),c.hidden=i.error===""},status({store:i,painted:u}){let{messages:f,rows:p,snapshots:g}=i.received;Object.assign(l.dataset,{tokens:i.tokens,painted:u.token,frames:u.frames}),Object.assign(l.dataset,{messages:f,rows:p,snapshots:g,connected:i.connected,shown:i.shownToken}),T(l,i.facts?st(i,u.token):"")}}}function ot(n){let e=n.place?.complete?"recorded":"recording";return`${n.facts.label} · ${e} · ${n.facts.machine}`}function st(n,e){let{messages:t,rows:r}=n.received,o=`${A(n.tokens)} tokens, ${A(n.reads)} reads, newest painted: ${e<0?"none":e}`,s=t>1&&r>0?` · ${A(r)} live in ${A(t)} messages`:"",a=n.routedFirst,c=a>0?` · routing from token ${A(a)} on (${S(1-a/n.tokens)})`:"",l=t===0?"":" · no kernel: what it sent last";return o+s+c+(n.connected?"":l)}function at(n,e){let t=new ResizeObserver(e);return t.observe(n),()=>t.disconnect()}function it(n,e){let t=matchMedia("(prefers-color-scheme: dark)"),r=()=>{let s=getComputedStyle(n).getPropertyValue("--jp-ui-font-color1")!=="";n.classList.toggle("fm-plain",!s),n.classList.toggle("fm-dark",s?lt(n):t.matches),e()},o=new MutationObserver(r);return o.observe(document.body,{attributes:!0}),t.addEventListener("change",r),requestAnimationFrame(r),()=>{o.disconnect(),t.removeEventListener("change",r)}}function lt(n){let[e,t,r]=(getComputedStyle(n).backgroundColor.match(/[\d.]+/g)??["255","255","255"]).map(Number);return .299*e+.587*t+.114*r<128}var he=`.fm-swatch {
  display: inline-block;
  width: 11px;
  height: 11px;
  margin-right: 4px;
  vertical-align: -1px;
  background: var(--swatch);
}
.fm-swatch.fm-hollow {
  background: none;
  border: 1.5px solid var(--swatch);
}
.fm-swatch.fm-tail {
  width: 4px;
  margin-left: 4px;
}
.fm-swatch.fm-thin {
  height: 4px;
  vertical-align: 3px;
}
.fm-legend {
  gap: 2px 14px;
  font-size: 11px;
}
.fm-banner {
  border-left: 3px solid var(--fm-warn);
  padding: 4px 8px;
  background: var(--fm-raised);
}
.fm-banner button,
.fm-banner select {
  background: var(--fm-paper);
}
`;function pe(n,e){let t=n.column("start_ms").at(e),r=(o,s)=>t+n.column(`layer_${o}_ms`).at(e,s);return(n.facts?.sparse_layers??[]).map(o=>({layer:o,start:r("start",o),routed:r("routed",o),read:r("read",o),end:r("end",o)})).filter(({start:o,end:s})=>!Number.isNaN(o+s))}function dt(n,e){let t=[],r=e[0];for(let o of[...n].sort((s,a)=>s.start-a.start))o.start>r&&t.push([r,o.start]),r=Math.max(r,o.end);return e[1]>r&&t.push([r,e[1]]),t}function ye(n,e,t,r,o,s){let a=Math.max(2,Math.min(6,s*.22)),c=(i,u,f,p)=>{let[g,b]=[r.x(u),r.x(f)];n.fillStyle=p,n.fillRect(g,(i+.5)*s-a/2,Math.max(.5,b-g),a)};for(let{layer:i,start:u,routed:f,read:p,end:g}of o){let b=r.zero.get(i);b!==void 0&&(c(t.indexOf(i),u-b,f-b,e.line),c(t.indexOf(i),p-b,g-b,e.faint))}if(o.length>0||r.origin!=="token")return;let l=[...r.zero.values()][0];if(l===void 0)return;let d=[...r.reads].sort((i,u)=>i.start-u.start);for(let[i,u]of dt(r.reads,r.pass)){let f=d.find(p=>p.start>=u);c(f?t.indexOf(f.layer):t.length-1,i-l,u-l,e.line)}}var k=46,ge=12,X=22,be=.14;function W(n){return n.facts?.sparse_layers??[]}function J(n,e,t,r,o){let s=new Map;for(let i of n)s.set(i.layer,Math.min(s.get(i.layer)??i.start,i.start));let a=t==="layer"?s:new Map([...s.keys()].map(i=>[i,e[0]])),c=t==="token"?e[1]-e[0]:Math.max(0,...n.map(i=>i.end-s.get(i.layer))),l=r??[0,Number.isFinite(c)&&c>0?c:1],d=(Math.max(1,o)-k-ge)/(l[1]-l[0]);return{reads:n,origin:t,pass:e,span:l,zero:a,tails:ut(n),threads:1+Math.max(0,...n.map(i=>i.thread)),timeAt:i=>l[0]+(Math.max(k,i)-k)/d,x:i=>k+(i-l[0])*d,boxes:[]}}function xe(n,e){let t=[...n.reads].sort((d,i)=>i.end-i.start-(d.end-d.start))[0],r=n.zero.has(e)?e:t?.layer,o=r===void 0?void 0:n.zero.get(r);if(o===void 0)return null;let s=n.reads.filter(d=>d.layer===r),[a,c]=[Math.min(...s.map(d=>d.start))-o,Math.max(...s.map(d=>d.end))-o],l=(c-a)*.15;return[a-l,c+l]}function ut(n){let e=new Map;for(let t of n)t.end>=(e.get(t.layer)?.end??Number.NEGATIVE_INFINITY)&&e.set(t.layer,t);return new Set([...e.values()].map(t=>t.row))}function Z(n,e,t){let r=n.boxes.filter(a=>t>=a.y-1&&t<=a.y+a.height+1),[o,s]=[null,4];for(let a of r){let c=Math.max(a.x-e,e-a.x-a.width,0);c<s&&([o,s]=[a.read,c])}return o}function we(n,e,t,r,o){let{context:s,width:a,height:c}=n,l=(c-X)/Math.max(1,t.length);s.clearRect(0,0,a,c),s.font=`11px ${e.font}`,yt(n,e,r),t.forEach((d,i)=>{let u=i*l;d===o.selection.layer&&(s.fillStyle=e.accent,s.globalAlpha=.16,s.fillRect(0,u,a,l),s.globalAlpha=1),(l>=12||i%4===0)&&mt(s,e,`L${d}`,Math.max(7,u+l/2))}),ft(t,r,l),pt(n,()=>{ye(s,e,t,r,pe(o,o.shownToken),l);for(let d of r.boxes)ht(s,r,d,o.selection.expert)})}function mt(n,e,t,r){n.fillStyle=e.faint,n.textAlign="left",n.textBaseline="middle",n.fillText(t,4,r)}function ft(n,e,t){let r=t*(1-be)/e.threads;for(let o of e.reads){let s=n.indexOf(o.layer);if(s<0)continue;let a=e.zero.get(o.layer),[c,l]=[e.x(o.start-a),e.x(o.end-a)],d=s*t+t*be/2+o.thread*r;e.boxes.push({read:o,x:c,y:d,width:Math.max(.8,l-c),height:Math.max(1,r-.6)})}}function ht(n,e,{read:t,x:r,y:o,width:s,height:a},c){let l=P[t.source];q(t.source)&&s>3?(n.strokeStyle=l,n.lineWidth=1,n.strokeRect(r+.5,o+.5,s-1,a-1)):(n.fillStyle=l,n.fillRect(r,o,s>3?s-.7:s,a)),e.tails.has(t.row)&&(n.fillStyle=x.mark,n.fillRect(r+s-1,o-1,2.5,a+2)),t.expert===c&&(n.strokeStyle=x.mark,n.lineWidth=1.5,n.strokeRect(r-1,o-1,s+2,a+2))}function pt(n,e){let{context:t,width:r,height:o}=n;t.save(),t.beginPath(),t.rect(k,0,r-k-ge/2,o-X+1),t.clip(),e(),t.restore()}function yt(n,e,t){let{context:r,width:o,height:s}=n,a=s-X+2;r.strokeStyle=e.line,r.fillStyle=e.faint,r.lineWidth=1,r.textBaseline="top",r.textAlign="center",r.beginPath();for(let c of bt(t.span,Math.max(2,Math.floor((o-k)/110)))){let l=Math.round(t.x(c))+.5;r.moveTo(l,0),r.lineTo(l,a+3),r.fillText(c===0?"0":E(c),Math.min(l,o-22),a+5)}r.globalAlpha=.5,r.stroke(),r.globalAlpha=1}function bt([n,e],t){let r=(e-n)/t,o=10**Math.floor(Math.log10(r)),s=[1,2,5,10].find(l=>l*o>=r)*o,a=Math.ceil(n/s-1e-9),c=Math.floor(e/s+1e-9);return Array.from({length:Math.max(0,c-a+1)},(l,d)=>Number(((a+d)*s).toPrecision(12)))}function ve(n,e){if(n.column("phase").at(e)===B)return 1;let t=n.column("pass_start"),r=t.at(e);return U(t,r+1)-U(t,r)}var L=6,gt=12;function Se(n,e,t){let r=Math.max(1,Math.floor((t-k-gt)/L)),o=Math.min(n,r);return[Math.max(0,Math.min(n-o,e-Math.floor(o*.75))),o]}function ke(n,e,t){let[r,o]=Se(n.tokens,n.shownToken,e),s=Math.floor((t-k)/L);return s>=0&&s<o?r+s:-1}function Me(n,e,t,r){let{context:o,width:s,height:a}=n,[c,l]=Se(t.tokens,t.shownToken,s),d=Array.from({length:l},(p,g)=>xt(t,r,c+g)),i=wt(d.map(p=>p.all)),u=a-6,f=(u-10)/i;o.clearRect(0,0,s,a),d.forEach((p,g)=>{let b=k+g*L,M=Math.min(p.all,i)*f,v=Math.min(p.ssd,i)*f,w=Math.min(p.read,i)*f;o.fillStyle=e.line,o.fillRect(b,u-M,L-1.5,M),o.fillStyle=x.cache,o.fillRect(b,u-w,L-1.5,w),o.fillStyle=x.ssd,o.fillRect(b,u-v,L-1.5,v),p.all>i&&o.clearRect(b-.5,u-M+5,L,2.5),c+g===t.shownToken&&(o.fillStyle=e.accent,o.fillRect(b-.5,u+1.5,L-.5,3))}),o.font=`11px ${e.font}`,o.fillStyle=e.faint,o.textAlign="left",o.textBaseline="top",o.fillText("tokens",4,u-12),o.fillText(E(i),4,2)}function xt(n,e,t){let[r,o]=[e.of(t),ve(n,t)];return{all:r.passMs/o,read:r.readMs/o,ssd:r.ssdMs/o}}function wt(n){let e=n.filter(Number.isFinite).sort((r,o)=>r-o),t=e[Math.floor((e.length-1)/2)]||1;return Math.min(3*t,e[e.length-1]??1)}var vt=32,St=(n,e,t)=>{let{sums:r}=e,o="token",s=null,a=null,c=te("Where time starts",[["token","Time in the token","Every read where it stands in its token"],["layer","Time in the layer","Every layer's reads from its first one on"]],m=>{o=m,s=null,e.changed()}),l=C("whole","Whole token","Show all of the time axis again (drag over a part to zoom in)",()=>{s=null,e.changed()}),d=C("closer","Zoom to layer","Show the reads of the selected layer, else of the slowest read's",()=>{s=xe(w,e.selection.layer),e.changed()}),i=h("div","fm-says",{"data-name":"running"}),u=h("div","fm-says",{"data-name":"says","aria-live":"off"}),f=h("div","fm-tip");f.hidden=!0;let p=re(e,t),g=h("div",""),b=h("div","");n.append(h("style","",{},he),h("div","fm-row",{},c.el,d,l,i),p.el,g,b,Et(),u,f);let M=j(g,"Time of each token, the waiting for reads coloured"),v=j(b,"Reads of one token, a row for each layer"),w=J([],[0,1],o,null,0);return M.canvas.addEventListener("click",m=>{let y=ke(e,M.width,m.offsetX);y>=0&&e.select({token:y,following:!1})}),v.canvas.addEventListener("pointerdown",m=>{a=w.timeAt(m.offsetX),v.canvas.setPointerCapture(m.pointerId)}),v.canvas.addEventListener("pointerup",m=>{let y=a;if(a=null,y===null)return;let _=w.timeAt(m.offsetX);if(Math.abs(w.x(y)-m.offsetX)>6){s=[Math.min(y,_),Math.max(y,_)],e.changed();return}let R=Z(w,m.offsetX,m.offsetY);R&&e.select({layer:R.layer,expert:R.expert})}),v.canvas.addEventListener("pointermove",m=>{let y=Z(w,m.offsetX,m.offsetY);if(f.hidden=y===null,!y)return;let _=y.end-y.start,R=Number.isNaN(y.before)?"":`
${S(y.before)} of its pages were resident`,$=w.tails.has(y.row)?`
last of its layer: the layer waits for it`:"";T(f,`layer ${y.layer}, expert ${y.expert}, thread ${y.thread}
${E(_)} for ${O(y.bytes)}: ${(y.bytes/_/1e6).toPrecision(2)} GB/s
${z[y.source]}${R}${$}`);let Re=b.offsetLeft+m.offsetX;f.style.left=`${Math.max(0,Math.min(Re+14,n.clientWidth-230))}px`,f.style.top=`${b.offsetTop+m.offsetY+16}px`}),v.canvas.addEventListener("pointerleave",()=>{f.hidden=!0}),{draw(){let m=e.shownToken,y=ee(n);c.show(o),l.disabled=s===null,M.fit(64),Me(M,y,e,r);let _=Y(e,m);v.fit(26+W(e).length*Mt(W(e).length,_)),w=J(_,kt(e),o,s,v.width),we(v,y,W(e),w,e);let R=r.recent(m,vt),$=de(R);T(i,Rt($,R.length)),Object.assign(i.dataset,{hit:($.hitBytes/$.bytes).toFixed(4),tokens:R.length}),T(u,Tt(e,m,r.of(m))),p.draw($,R.length)},destroy:()=>p.destroy()}};function kt(n){let e=n.shownToken;return[n.column("start_ms").at(e),n.column("end_ms").at(e)]}function Mt(n,e){let t=1+Math.max(0,...e.map(r=>r.thread));return Math.max(9,Math.min(18+8*t,Math.floor(520/Math.max(1,n))))}function Rt(n,e){if(e===0||n.reads===0)return"no reads of decoded tokens yet";let t=n.readMs>0?`${(n.bytes/n.readMs/1e6).toPrecision(3)} GB/s`:"no reads",r=n.inferred?" (in part inferred)":"";return`last ${e} tokens: ${t} while reading, ${S(n.hitBytes/n.bytes)} from the page cache${r}, ${S(n.readMs/n.passMs)} of the time in reads, ${S(n.ssdMs/n.passMs)} waiting for the SSD`}function Tt(n,e,t){if(e<0)return"No token yet.";let r=ne(n.text(e));if(t.reads===0)return`Token ${e} “${r}”: its reads are not here (none made, or let go of).`;let o=n.column("pass_start").at(e),s=n.column("phase").at(e)===B?"":`, shared by the prompt's tokens from ${o} on`,a=S(t.hitBytes/t.bytes);return`Token ${e} “${r}”: ${A(t.reads)} reads${s}, ${O(t.bytes)} in ${E(t.readMs)} of ${E(t.passMs)}; ${a} from the page cache, ${E(t.ssdMs)} waiting for the SSD.`}function Et(){let n=[[P[0],"",z[0]],[P[1],"","partly"],[P[2],"",z[2]],[x.unknown,"fm-hollow","hollow: inferred from its time"],[x.mark,"fm-tail","last of its layer: the layer waits for it"],["var(--fm-line)","fm-thin","until the router chose"],["var(--fm-faint)","fm-thin","after the reads"]],e=h("div","fm-row fm-legend");for(let[t,r,o]of n){let s=h("i",`fm-swatch ${r}`);s.style.setProperty("--swatch",t),e.append(h("span","fm-faint",{},s,o))}return e}var $n=fe({name:"ReadTimeline",hint:"ReadTimeline(session), or ReadTimeline(fm.load_trace(path))",make:St});export{$n as default,St as makeReadTimeline};
