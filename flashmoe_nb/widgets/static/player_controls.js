// widgets/src sha256 94c0dcdd017213cd77f5b2c5b7a4dd0fc890236bec4c3a08ee008a299cc025de
function i(r,e,t={},...n){let o=document.createElement(r);e&&(o.className=e);for(let[s,a]of Object.entries(t))o.setAttribute(s,a);return o.append(...n),o}function v(r,e,t,n){let o=i("button","",{type:"button","data-name":r,title:t},e);return o.addEventListener("click",n),o}function b(r,e){r.textContent!==e&&(r.textContent=e)}function x(r){return r.toLocaleString("en")}function F(r){return Number.isFinite(r)?`${(r*100).toFixed(1)} %`:"unknown"}function N(r){return r>=999.5?r.toFixed(0):r.toPrecision(3)}async function $(r){let{width:e,height:t}=r.getBoundingClientRect();if(e<1||t<1)return null;let n=r.cloneNode(!0),[o,s]=[r.querySelectorAll("canvas"),n.querySelectorAll("canvas")];o.forEach((d,f)=>{if(d.hidden){s[f].remove();return}let l=new Image;l.src=d.toDataURL(),l.setAttribute("style",`${d.getAttribute("style")};display:block`),s[f].replaceWith(l)}),G(r,n),J(r,n);let a=new XMLSerializer().serializeToString(n),c=`<svg xmlns="http://www.w3.org/2000/svg" width="${e}" height="${t}"><foreignObject width="100%" height="100%">${a}</foreignObject></svg>`;try{return await X(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(c)}`,e,t)}catch{return null}}function G(r,e){let t=e.querySelectorAll("input");r.querySelectorAll("input").forEach((s,a)=>{t[a].setAttribute("value",s.value),t[a].toggleAttribute("checked",s.checked)});let n=e.querySelectorAll("textarea");r.querySelectorAll("textarea").forEach((s,a)=>{n[a].textContent=s.value});let o=e.querySelectorAll("select");r.querySelectorAll("select").forEach((s,a)=>{[...o[a].options].forEach((c,d)=>{c.toggleAttribute("selected",d===s.selectedIndex)})})}function J(r,e){let t=getComputedStyle(r);for(let n of["text","faint","line","paper","raised","accent","warn","error"])e.style.setProperty(`--fm-${n}`,t.getPropertyValue(`--fm-${n}`));e.style.font=t.font}async function X(r,e,t){let n=new Image;n.src=r,await n.decode();let o=document.createElement("canvas");o.width=Math.round(e),o.height=Math.round(t),o.getContext("2d").drawImage(n,0,0);let s=await new Promise(a=>o.toBlob(a,"image/png"));return s?s.arrayBuffer():null}function H(r,e,t){if(r.ctrlKey||r.metaKey||r.altKey)return!1;let n=r.target,o=n.closest("input, select, textarea")!==null;if(r.key==="Escape")e.select({layer:-1,expert:-1,token:-1,following:!0});else{if(o)return!1;if(r.key==="ArrowLeft"||r.key==="ArrowRight")Z(e,r.key==="ArrowRight"?1:-1);else if(r.key==="ArrowUp"||r.key==="ArrowDown"){if(Q(n))return!1;ee(e,r.key==="ArrowDown"?1:-1)}else if(r.key===" "&&!n.closest("button"))t("toggle");else return!1}return!0}function Q(r){let e=r.closest('[tabindex="0"]:not(.fm-root)');return e!==null&&e.scrollHeight>e.clientHeight}function Z(r,e){let t=Math.max(0,Math.min(r.tokens-1,r.shownToken+e));r.tokens&&r.select({token:t,following:!1})}function ee(r,e){let t=r.facts?.sparse_layers??[];if(t.length===0)return;let n=r.layerRow(r.selection.layer),o=n<0?e>0?0:t.length-1:Math.max(0,Math.min(t.length-1,n+e));r.select({layer:t[o],expert:-1})}var U="fm-page",B;function V(r){B=r,queueMicrotask(()=>{B===r&&te(r)})}function te(r){let e=document.getElementById(U),t=document.getElementById(`${U}-data`);if(!e||!t)return;let{traits:n,run:o}=JSON.parse(t.textContent??"{}"),s=r(),a=ne({...n,run:re(o)});s.initialize({model:a}),s.render({model:a,el:e})}function re(r){return new DataView(Uint8Array.from(atob(r),e=>e.charCodeAt(0)).buffer)}function ne(r){return{get:e=>r[e],set:(e,t)=>{r[e]=t},save_changes:()=>{},send:()=>{},on:()=>{}}}var k=class{constructor(e,t,n=96e6){this.width=t;this.mostBytes=n;this.data=e}width;mostBytes;first=0;end=0;data;has(e){return e>=this.first&&e<this.end}at(e,t=0){return this.has(e)?this.data[(e-this.first)*this.width+t]:Number.NaN}rows(e,t=e+1){let n=Math.max(e,this.first)-this.first,o=Math.min(t,this.end)-this.first;return this.data.subarray(n*this.width,Math.max(n,o)*this.width)}append(e,t){let n=Math.max(0,this.end-e),o=this.width?t.length/this.width:0;e>this.end&&(this.first=this.end=e);let s=t.subarray(n*this.width);s.length!==0&&(this.reserve(s.length),this.data.set(s,(this.end-this.first)*this.width),this.end=e+o)}reserve(e){let t=(this.end-this.first)*this.width;if(t+e<=this.data.length)return;let n=this.data.subarray(0,t);if((t+e)*this.data.BYTES_PER_ELEMENT>this.mostBytes&&this.width>1){let o=Math.floor((this.end-this.first)/2);this.data=this.grown(n.subarray(o*this.width),e),this.first+=o}else this.data=this.grown(n,Math.max(e,t))}grown(e,t){let n=this.data.constructor,o=new n(e.length+t);return o.set(e),o}};var oe="440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",se="00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";function D(r){let e=r.split(" ").map(n=>Number.parseInt(n,16)),t=(n,o)=>n>>o&255;return Uint32Array.from({length:256},(n,o)=>{let s=o/255*(e.length-1),a=Math.min(Math.floor(s),e.length-2),c=d=>Math.round(t(e[a],d)*(a+1-s)+t(e[a+1],d)*(s-a));return ae(c(16),c(8),c(0))})}function ae(r,e,t,n=255){return(n<<24|t<<16|e<<8|r)>>>0}var Ve=D(oe),De=D(se);var w={cache:"#009E73",partly:"#CC79A7",ssd:"#E69F00",unknown:"#999999",mark:"#0072B2"};var M={PAGE_CACHE:0,PARTLY:1,SSD:2,INFERRED_PAGE_CACHE:3,INFERRED_SSD:4};var qe=[w.cache,w.partly,w.ssd,w.cache,w.ssd];function I(r){return r.source===M.PARTLY?r.before:r.source===M.PAGE_CACHE||r.source===M.INFERRED_PAGE_CACHE?1:0}function ie(r){return r>=M.INFERRED_PAGE_CACHE}function le(r,e){let[t,n]=r.readsOf(e);return Array.from({length:Math.max(0,n-t)},(o,s)=>ce(r,t+s))}function ce(r,e){let t=n=>r.column(`read_${n}`).at(e);return{row:e,layer:t("layer"),expert:t("expert"),thread:t("thread"),bytes:t("bytes"),start:t("start_ms"),end:t("end_ms"),before:t("resident_fraction_before"),source:t("source")}}function de(r,e){let t=n=>ue(n.map(o=>[o.start,o.end]));return{reads:r.length,bytes:r.reduce((n,o)=>n+o.bytes,0),hitBytes:r.reduce((n,o)=>n+o.bytes*I(o),0),inferred:r.some(n=>ie(n.source)),readMs:t(r),ssdMs:t(r.filter(n=>I(n)<1)),passMs:e}}function ue(r){let[e,t]=[0,Number.NEGATIVE_INFINITY];for(let[n,o]of[...r].sort((s,a)=>s[0]-a[0]))e+=Math.max(0,o-Math.max(n,t)),t=Math.max(t,o);return e}var A=class{constructor(e){this.store=e}store;run="";known=new Map;of(e){let t=this.store.place?.run??"";t!==this.run&&this.known.clear(),this.run=t;let n=this.store.column("pass_start").at(e),o=this.known.get(n);if(o)return o;let s=this.store.column("end_ms").at(e)-this.store.column("start_ms").at(e),a=de(le(this.store,e),s);return a.reads>0&&this.known.set(n,a),a}recent(e,t){let n=[];for(let o=e;o>=0&&n.length<t;o--)this.store.column("phase").at(o)===pe&&n.push(this.of(o));return n.reverse()}},pe=1;var fe=255,_=class{facts=null;place=null;tokens=0;reads=0;countsBefore=new Uint32Array(0);residency=new Uint8Array(0);selection={token:-1,layer:-1,expert:-1,following:!0};connected=!1;error="";received={messages:0,rows:0,snapshots:0};sums=new A(this);columns=new Map;listeners=new Set;handlers=new Map;kept=new Map;column(e){let t=this.columns.get(e);return t||(t=new k(new Float32Array(0),1),this.columns.set(e,t)),t}get routedFirst(){return this.column("expert_ids").first}get keptExperts(){return this.column("expert_ids").width/Math.max(1,this.facts?.sparse_layers.length??1)}chosen(e,t){let n=this.keptExperts,o=this.column("expert_ids").rows(e).subarray(t*n,(t+1)*n),s=0;for(;s<o.length&&o[s]<this.facts.num_experts;)s++;return o.subarray(0,s)}get shownToken(){let{token:e,following:t}=this.selection;return t||e<0||e>=this.tokens?this.tokens-1:e}layerRow(e){return this.facts?this.facts.sparse_layers.indexOf(e):-1}text(e,t=e+1){let n=this.column("text_start").at(e),o=this.column("text_end").at(Math.min(t,this.tokens)-1);return Number.isNaN(n+o)?"":new TextDecoder().decode(this.column("text").rows(n,o))}readsOf(e){let t=this.column("pass_start").at(e),n=this.column("read_token");return[j(n,t),j(n,t+1)]}apply(e){let t=JSON.parse(e.metadata.place);if(t.run!==this.place?.run){if(!e.metadata.facts)return"gap";this.reset(JSON.parse(e.metadata.facts))}else if(t.token_row>this.tokens)return"gap";let n=e.tensors.get("token_id")?.shape[0]??0,o=t.complete!==this.place?.complete;this.place=t;let s=this.tokens;return(t.token_row+n>this.tokens||o||n===0)&&this.take(e,t,n),this.changed(),this.tokens>s||o?"applied":"nothing new"}setResidency(e,t){let n=this.layerRow(e);n<0||!this.facts||(this.residency.set(t,n*this.facts.num_experts),this.changed())}select(e){let t={...this.selection,...e};Object.keys(t).every(o=>t[o]===this.selection[o])||(Object.assign(this.selection,e),this.changed())}onChange(e){return this.listeners.add(e),()=>this.listeners.delete(e)}changed(){for(let e of this.listeners)e()}onPart(e,t){let n=this.handlers.get(e)??new Set;this.handlers.set(e,n.add(t));let o=this.kept.get(e);return o&&t(o,[]),()=>n.delete(t)}keeps(e){return this.kept.has(e)}keep(e){this.kept.set(e.kind,e),this.hand(e,[])}hand(e,t){for(let n of this.handlers.get(e.kind)??[])n(e,t);this.changed()}reset(e){let t=e.sparse_layers.length*e.num_experts;this.facts=e,this.place=null,this.tokens=this.reads=0,this.columns=new Map,this.countsBefore=new Uint32Array(t),this.residency=new Uint8Array(t).fill(fe),this.error=""}take(e,t,n){let o=e.tensors.get("counts_before");o&&t.routed_row>this.column("expert_ids").end&&this.countsBefore.set(o.values);for(let[s,a]of e.tensors)s!=="counts_before"&&(this.column(s).end===0&&this.columns.set(s,ye(a)),this.put(s,he(s,t),a.values));this.tokens=Math.max(this.tokens,t.token_row+n),this.reads=this.column("read_token").end}put(e,t,n){let o=this.column(e);if(e!=="expert_ids"){o.append(t,n);return}let[s,a]=[o.first,o.rows(o.first,o.end)];o.append(t,n),o.first>s&&o.first<t&&this.count(a.subarray(0,(o.first-s)*o.width))}count(e){let{num_experts:t,sparse_layers:n}=this.facts;for(let o=0;o<e.length;o++){let s=Math.floor(o/this.keptExperts)%n.length;e[o]<t&&this.countsBefore[s*t+e[o]]++}}},me=new Set(["expert_ids","routing_weights","router_entropy","kept_mass","router_margin"]);function he(r,e){return r==="text"?e.text_byte:r.startsWith("read_")?e.read_row:r.startsWith("patch_")?e.patch_row:me.has(r)||r.startsWith("layer_")?e.routed_row:e.token_row}function ye(r){let e=r.shape.slice(1).reduce((t,n)=>t*n,1);return new k(r.values.slice(0,0),e)}function j(r,e){let[t,n]=[r.first,r.end];for(;t<n;){let o=t+n>>1;r.at(o)<e?t=o+1:n=o}return t}var q=`.fm-root {
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
`;var W={F64:Float64Array,F32:Float32Array,I32:Int32Array,I16:Int16Array,U32:Uint32Array,U16:Uint16Array,U8:Uint8Array};function C(r){let e=Number(r.getBigUint64(0,!0)),t=new TextDecoder().decode(new Uint8Array(r.buffer,r.byteOffset+8,e)),n=JSON.parse(t),o=n.__metadata__??{},s=r.byteOffset+8+e,a=new Map;for(let[c,{dtype:d,shape:f,data_offsets:l}]of Object.entries(n)){if(c==="__metadata__")continue;let m=W[d];if(!m)throw new Error(`array "${c}" has the type ${d}, expected one of ${Object.keys(W).join(", ")}`);let y=new m(r.buffer.slice(s+l[0],s+l[1]));a.set(c,{shape:f,values:y})}return{metadata:o,tensors:a}}var L=["token","layer","expert","following"],S=class{constructor(e,t){this.model=e;this.store=t;e.on("msg:custom",(n,o)=>this.receive(n,o)),e.on("change:run",()=>this.load()),e.on("change:state",()=>this.kept());for(let n of L)e.on(`change:${n}`,()=>this.selected([n]));e.on("comm_live_update",()=>this.gone()),this.load(),this.kept(),this.selected(L),t.onChange(()=>this.publish()),this.ask()}model;store;painted={token:-1,frames:0,latencies:[]};asked=!1;seq=0;toldPainted=-1;send=(e,t={})=>{this.tell({kind:"command",name:e,args:t})};picture(e){this.tell({kind:"picture"},[e])}tell(e,t=[]){if(this.store.connected)try{this.model.send(e,void 0,t)}catch{this.gone()}}receive(e,t){if(e?.parts===void 0)return;this.store.connected=!0;let n=0;for(let o of e.parts){let s=t.slice(n,n+o.n_buffers);n+=o.n_buffers,o.kind==="rows"?this.rows(s[0]):o.kind==="residency"?this.store.setResidency(o.layer,be(s[0])):this.other(o,s)}this.store.received.messages++,this.seq=e.seq,this.acknowledge()}settle(){this.painted.token!==this.toldPainted&&this.acknowledge()}acknowledge(){let{token:e,frames:t,latencies:n}=this.painted;this.toldPainted=e,this.tell({kind:"ack",seq:this.seq,painted:e,frames:t,latencies:n.splice(0)})}rows(e){let t=this.store.tokens;this.store.apply(C(e))==="gap"?this.ask():this.asked=!1,this.store.received.rows+=Math.max(0,this.store.tokens-t)}other(e,t){e.kind==="hello"&&(this.asked=!1),e.kind==="error"&&(this.store.error=String(e.text)),this.store.hand(e,t)}load(){let e=this.model.get("run");!e||e.byteLength===0||this.store.apply(C(e))==="applied"&&this.store.received.snapshots++}kept(){for(let e of Object.values(this.model.get("state")??{}))this.store.keep(e)}ask(){this.asked||(this.asked=!0,this.model.send({kind:"snapshot?",run:this.store.place?.run??"",tokens:this.store.tokens}))}selected(e){let t=Object.fromEntries(e.map(n=>[n,this.model.get(n)]));this.store.select(t)}publish(){let{model:e,store:t}=this,n=L.filter(o=>e.get(o)!==t.selection[o]);for(let o of n)e.set(o,t.selection[o]);n.length&&e.save_changes()}gone(){this.store.connected=!1,this.store.changed()}};function be(r){return new Uint8Array(r.buffer,r.byteOffset,r.byteLength)}var xe=1500,we=150,ve=navigator.hardwareConcurrency<=4?30:0;function z(r){let e=()=>{let t;return{initialize({model:n}){t=new S(n,new _)},render({model:n,el:o}){return t??=new S(n,new _),ke(r,o,t)}}};return V(e),e}function ke(r,e,t){let{store:n,send:o}=t,s=r.ready??(u=>u.facts!==null),a=Se(r,s);e.append(a.root);let c=r.make(a.body,n,o),d=!0,[f,l,m,y]=[0,0,0,0],g=()=>{f||=requestAnimationFrame(T)},h=()=>{d=!0,g()},T=u=>{if(f=0,u-l<ve){g();return}a.show(n);let P=d;d=!1,s(n)&&c.draw(u,P)&&g(),_e(t),l=u,y||=setTimeout(E,we),clearTimeout(m),m=setTimeout(R,xe)},E=()=>{y=0,a.status(t)},R=async()=>{if(t.settle(),!s(n)||!n.connected||document.hidden||l===0)return;let u=await $(a.root);u&&t.picture(u)},p=[n.onChange(h),Te(a.root,h),Ae(a.root,h)];return a.root.addEventListener("keydown",u=>{H(u,n,o)&&(u.preventDefault(),u.stopPropagation())}),g(),()=>{for(let u of p)u();cancelAnimationFrame(f),clearTimeout(m),clearTimeout(y),c.destroy(),a.root.remove()}}function _e({store:r,painted:e}){e.frames++;let t=r.tokens-1;if(t===e.token)return;e.token=t;let n=Date.now()-(r.place.epoch_ms+r.column("end_ms").at(t));t>=0&&!r.place.complete&&e.latencies.length<100&&e.latencies.push(Math.round(n*10)/10)}function Se(r,e){let t=i("style","",{},q),n=i("span","fm-of"),o=i("div","fm-head",{},i("span","fm-name",{},r.name),n),s=i("div","fm-body"),a=i("div","fm-empty",{},"Nothing to show yet. ",i("code","",{},r.hint)),c=i("div","fm-error",{role:"alert"}),d=i("div","fm-status"),f=i("div","fm-root",{role:"group","aria-label":r.name,tabindex:"0"});return f.append(t,o,s,a,c,d),{root:f,body:s,show(l){s.hidden=!e(l),a.hidden=e(l),b(n,l.facts?Ee(l):""),b(c,l.error),c.hidden=l.error===""},status({store:l,painted:m}){let{messages:y,rows:g,snapshots:h}=l.received;Object.assign(d.dataset,{tokens:l.tokens,painted:m.token,frames:m.frames}),Object.assign(d.dataset,{messages:y,rows:g,snapshots:h,connected:l.connected,shown:l.shownToken}),b(d,l.facts?Me(l,m.token):"")}}}function Ee(r){let e=r.place?.complete?"recorded":"recording";return`${r.facts.label} · ${e} · ${r.facts.machine}`}function Me(r,e){let{messages:t,rows:n}=r.received,o=`${x(r.tokens)} tokens, ${x(r.reads)} reads, newest painted: ${e<0?"none":e}`,s=t>1&&n>0?` · ${x(n)} live in ${x(t)} messages`:"",a=r.routedFirst,c=a>0?` · routing from token ${x(a)} on (${F(1-a/r.tokens)})`:"",d=t===0?"":" · no kernel: what it sent last";return o+s+c+(r.connected?"":d)}function Ae(r,e){let t=new ResizeObserver(e);return t.observe(r),()=>t.disconnect()}function Te(r,e){let t=matchMedia("(prefers-color-scheme: dark)"),n=()=>{let s=getComputedStyle(r).getPropertyValue("--jp-ui-font-color1")!=="";r.classList.toggle("fm-plain",!s),r.classList.toggle("fm-dark",s?Re(r):t.matches),e()},o=new MutationObserver(n);return o.observe(document.body,{attributes:!0}),t.addEventListener("change",n),requestAnimationFrame(n),()=>{o.disconnect(),t.removeEventListener("change",n)}}function Re(r){let[e,t,n]=(getComputedStyle(r).backgroundColor.match(/[\d.]+/g)??["255","255","255"]).map(Number);return .299*e+.587*t+.114*n<128}var K=`.fm-player input[type="number"] {
  width: 88px;
}
.fm-player textarea {
  font-family: var(--jp-code-font-family, ui-monospace, monospace);
  resize: vertical;
}
.fm-player label {
  display: inline-flex;
  align-items: center;
  gap: 4px;
  white-space: nowrap;
}
.fm-player .fm-state {
  font-weight: 600;
  min-width: 56px;
}
.fm-player .fm-state[data-state="playing"] {
  color: var(--fm-accent);
}
.fm-player .fm-state[data-state="failed"] {
  color: var(--fm-error);
}
.fm-player .fm-text {
  font-family: var(--jp-code-font-family, ui-monospace, monospace);
  white-space: pre-wrap;
  overflow-wrap: anywhere;
  border: 1px solid var(--fm-line);
  border-radius: 3px;
  padding: 4px 6px;
  min-height: 3.2em;
  max-height: 16em;
  overflow-y: auto;
}
`;var Ce=(r,e,t)=>{let n=(p,u={})=>t("player",{do:p,...u}),o=null,s=Oe(p=>{o&&Y(o)&&n("speed",{tokens_per_s:p})}),a=p=>{o?.state==="paused"?n(p?"step":"resume"):n("play",{...s.values(),step:p})},c=v("play","▶ play","play the prompt, or go on",()=>a(!1)),d=v("pause","❚❚ pause","stand still after the token at hand",()=>n("pause")),f=v("step","▸ step","one token more, then stand still",()=>a(!0)),l=v("stop","■ stop","end it; the session stands after its last whole token",()=>n("stop")),m=i("span","fm-state",{"data-name":"state",role:"status"}),y=i("span","fm-faint",{"data-name":"player-says"}),g=i("div","fm-error",{role:"alert","data-name":"player-error"}),h=i("div","fm-text",{"data-name":"text","aria-label":"text so far",tabindex:"0"}),T=i("div","fm-row",{role:"toolbar","aria-label":"player"},c,d,f,l,m,y),E=i("div","fm-player",{},s.el,T,g,h);r.append(i("style","",{},K),E),E.addEventListener("keydown",p=>{p.key==="Enter"&&(p.ctrlKey||p.metaKey)&&a(!1)});let R=e.onPart("player",p=>{o=p});return{draw(){if(o===null)return;let[p,u]=[Y(o),e.connected];b(c,o.state==="paused"?"▶ resume":"▶ play"),c.disabled=!u||o.state==="playing",d.disabled=!u||o.state!=="playing",f.disabled=!u,l.disabled=!u||!p,b(m,o.state),m.dataset.state=o.state,b(y,Le(o)),b(g,o.error),g.hidden=o.error==="";let P=h.scrollTop+h.clientHeight>=h.scrollHeight-4;b(h,o.text),P&&(h.scrollTop=h.scrollHeight)},destroy:R}};function Y(r){return r.state==="playing"||r.state==="paused"}function Le(r){let e=r.measured_per_s===null?"":` · ${N(r.measured_per_s)} tokens/s`,t=r.tokens_per_s===null?"":` (at most ${r.tokens_per_s})`;return`${x(r.tokens)} tokens${e}${t} · position ${x(r.position)} of ${x(r.max_context)}`}function Oe(r){let e=i("textarea","fm-grow",{rows:"2","data-name":"prompt",placeholder:"a prompt"});e.setAttribute("aria-label","prompt; Ctrl+Enter plays it");let t=O("max-tokens","256","1","1"),n=O("temperature","0","0","0.1"),o=O("speed","","0.1","any");o.placeholder="no limit";let s=()=>Number(o.value)>0?Number(o.value):null;o.addEventListener("change",()=>r(s()));let a=i("input","",{type:"checkbox","data-name":"go-on"}),c=i("div","fm-row",{},i("label","",{title:"stop after so many"},"tokens ",t),i("label","",{title:"0 takes the likeliest token"},"temperature ",n),i("label","",{title:"never faster; empty is as fast as it goes"},"tokens/s ",o),i("label","",{title:"else the session begins at position 0 again"},a," after what was there"));return{el:i("div","",{},i("div","fm-row",{},e),c),values:()=>({prompt:e.value,max_tokens:Number(t.value),temperature:Number(n.value),tokens_per_s:s(),fresh:!a.checked})}}function O(r,e,t,n){return i("input","",{type:"number","data-name":r,value:e,min:t,step:n})}var ft=z({name:"PlayerControls",hint:"PlayerControls(session)",make:Ce,ready:r=>r.keeps("player")});export{ft as default,Ce as makePlayerControls};
