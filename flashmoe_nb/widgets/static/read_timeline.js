// widgets/src sha256 dfaa52ad9541b0c1a1d8155b87dc9f7baed594f1e23f15be2bccd3b31d61df97
function V(n,e){let t=document.createElement("canvas");t.className="fm-canvas",t.setAttribute("role","img"),t.setAttribute("aria-label",e),n.append(t);let r=t.getContext("2d"),[o,s]=[0,0];return{canvas:t,context:r,get width(){return o},get height(){return s},fit(a){let i=globalThis.devicePixelRatio||1,c=Math.max(200,Math.floor(n.clientWidth)),f=c!==o||a!==s||t.width!==Math.round(c*i);return f&&([o,s]=[c,a],t.width=Math.round(c*i),t.height=Math.round(a*i),t.style.width=`${c}px`,t.style.height=`${a}px`),r.setTransform(i,0,0,i,0,0),f}}}var we="440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",ve="00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";function X(n){let e=n.split(" ").map(r=>Number.parseInt(r,16)),t=(r,o)=>r>>o&255;return Uint32Array.from({length:256},(r,o)=>{let s=o/255*(e.length-1),a=Math.min(Math.floor(s),e.length-2),i=c=>Math.round(t(e[a],c)*(a+1-s)+t(e[a+1],c)*(s-a));return ke(i(16),i(8),i(0))})}function ke(n,e,t,r=255){return(r<<24|t<<16|e<<8|n)>>>0}var xt=X(we),wt=X(ve);var x={cache:"#009E73",partly:"#CC79A7",ssd:"#E69F00",unknown:"#999999",mark:"#0072B2"};function q(n){let e=getComputedStyle(n),t=r=>e.getPropertyValue(r).trim();return{dark:n.closest(".fm-dark")!==null,text:t("--fm-text"),faint:t("--fm-faint"),line:t("--fm-line"),paper:t("--fm-paper"),accent:t("--fm-accent"),font:e.fontFamily}}function u(n,e,t={},...r){let o=document.createElement(n);e&&(o.className=e);for(let[s,a]of Object.entries(t))o.setAttribute(s,a);return o.append(...r),o}function L(n,e,t,r){let o=u("button","",{type:"button","data-name":n,title:t},e);return o.addEventListener("click",r),o}function R(n,e){n.textContent!==e&&(n.textContent=e)}function J(n,e,t){let r=u("span","fm-group",{role:"radiogroup","aria-label":n}),o=e.map(([s,a,i])=>{let c=L(s,a,i,()=>t(s));return c.setAttribute("role","radio"),r.append(c),c});return{el:r,show(s){for(let a of o)a.setAttribute("aria-checked",String(a.dataset.name===s))}}}function A(n){return n.toLocaleString("en")}function $(n){for(let[e,t]of[["TB",1e12],["GB",1e9],["MB",1e6],["kB",1e3]])if(n>=t)return`${B(n/t)} ${e}`;return`${n} B`}function E(n){return n>=1e3?`${B(n/1e3)} s`:n>=1?`${B(n)} ms`:`${B(n*1e3)} µs`}function T(n){return Number.isFinite(n)?`${(n*100).toFixed(1)} %`:"unknown"}function Q(n){return n.replaceAll(`
`,"⏎").replaceAll("	","⇥").replaceAll(" ","␣")}function B(n){return n.toPrecision(3)}var Se=.95,Me=.1,Re=8;function Te(n,e){return e<Re||n.bytes===0?!1:n.hitBytes/n.bytes>=Se&&n.ssdMs/n.passMs<=Me}function Z(n,e){let t={state:"none",text:"",choices:[]},r=u("span","fm-grow"),o=u("select","",{"data-name":"limit_bytes","aria-label":"Memory limit"}),s=L("limit","Limit memory","Make the page cache scarce, so that reads reach the SSD",()=>e("limit",{nbytes:Number(o.value)})),a=L("lift","Lift the limit","Give the page cache all memory back",()=>e("lift")),i=u("div","fm-row fm-banner",{role:"status","data-name":"banner"},r,o,s,a),c=n.onPart("limit",f=>{t=f;let l=o.value;o.replaceChildren(...t.choices.map(({nbytes:d,text:y})=>u("option","",{value:String(d)},y))),t.choices.some(({nbytes:d})=>String(d)===l)&&(o.value=l)});return{el:i,draw(f,l){let d=Te(f,l),y=t.state==="on"||t.state==="busy";i.hidden=!d&&!y&&t.text==="",i.dataset.state=t.state;let g=t.state==="off"&&n.connected&&t.choices.length>0;o.hidden=s.hidden=!g,a.hidden=t.state!=="on",R(r,Ee(t,d,f,l))},destroy:c}}function Ee(n,e,t,r){let s=`You are measuring RAM: ${T(t.hitBytes/t.bytes)} of the bytes read for the last ${r} tokens were in the page cache. `,a=n.state==="none"&&e?`These ${$(t.bytes)} say nothing of an SSD; attach a session to limit memory. `:"";return`${e?s:""}${a}${n.text}`}async function ee(n){let{width:e,height:t}=n.getBoundingClientRect();if(e<1||t<1)return null;let r=n.cloneNode(!0),[o,s]=[n.querySelectorAll("canvas"),r.querySelectorAll("canvas")];o.forEach((c,f)=>{let l=new Image;l.src=c.toDataURL(),l.setAttribute("style",`${c.getAttribute("style")};display:block`),s[f].replaceWith(l)}),Ae(n,r);let a=new XMLSerializer().serializeToString(r),i=`<svg xmlns="http://www.w3.org/2000/svg" width="${e}" height="${t}"><foreignObject width="100%" height="100%">${a}</foreignObject></svg>`;try{return await _e(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(i)}`,e,t)}catch{return null}}function Ae(n,e){let t=getComputedStyle(n);for(let r of["text","faint","line","paper","raised","accent","warn","error"])e.style.setProperty(`--fm-${r}`,t.getPropertyValue(`--fm-${r}`));e.style.font=t.font}async function _e(n,e,t){let r=new Image;r.src=n,await r.decode();let o=document.createElement("canvas");o.width=Math.round(e),o.height=Math.round(t),o.getContext("2d").drawImage(r,0,0);let s=await new Promise(a=>o.toBlob(a,"image/png"));return s?s.arrayBuffer():null}function te(n,e,t){if(n.ctrlKey||n.metaKey||n.altKey)return!1;let r=n.target.closest("input, select, textarea")!==null;if(n.key==="Escape")e.select({layer:-1,expert:-1,token:-1,following:!0});else{if(r)return!1;if(n.key==="ArrowLeft"||n.key==="ArrowRight")Le(e,n.key==="ArrowRight"?1:-1);else if(n.key==="ArrowUp"||n.key==="ArrowDown")Ce(e,n.key==="ArrowDown"?1:-1);else if(n.key===" "&&!n.target.closest("button"))t("toggle");else return!1}return!0}function Le(n,e){let t=Math.max(0,Math.min(n.tokens-1,n.shownToken+e));n.tokens&&n.select({token:t,following:!1})}function Ce(n,e){let t=n.facts?.sparse_layers??[];if(t.length===0)return;let r=n.layerRow(n.selection.layer),o=r<0?e>0?0:t.length-1:Math.max(0,Math.min(t.length-1,r+e));n.select({layer:t[o],expert:-1})}var ne="fm-page";function re(n){let e=document.getElementById(ne),t=document.getElementById(`${ne}-data`);if(!e||!t)return;let{traits:r,run:o}=JSON.parse(t.textContent??"{}"),s=n(),a=Oe({...r,run:$e(o)});s.initialize({model:a}),s.render({model:a,el:e})}function $e(n){return new DataView(Uint8Array.from(atob(n),e=>e.charCodeAt(0)).buffer)}function Oe(n){return{get:e=>n[e],set:(e,t)=>{n[e]=t},save_changes:()=>{},send:()=>{},on:()=>{},off:()=>{}}}var O=class{constructor(e,t,r=96e6){this.width=t;this.mostBytes=r;this.data=e}width;mostBytes;first=0;end=0;data;has(e){return e>=this.first&&e<this.end}at(e,t=0){return this.has(e)?this.data[(e-this.first)*this.width+t]:Number.NaN}rows(e,t=e+1){let r=Math.max(e,this.first)-this.first,o=Math.min(t,this.end)-this.first;return this.data.subarray(r*this.width,Math.max(r,o)*this.width)}append(e,t){let r=Math.max(0,this.end-e),o=this.width?t.length/this.width:0;e>this.end&&(this.first=this.end=e);let s=t.subarray(r*this.width);s.length!==0&&(this.reserve(s.length),this.data.set(s,(this.end-this.first)*this.width),this.end=e+o)}reserve(e){let t=(this.end-this.first)*this.width;if(t+e<=this.data.length)return;let r=this.data.subarray(0,t);if((t+e)*this.data.BYTES_PER_ELEMENT>this.mostBytes&&this.width>1){let o=Math.floor((this.end-this.first)/2);this.data=this.grown(r.subarray(o*this.width),e),this.first+=o}else this.data=this.grown(r,Math.max(e,t))}grown(e,t){let r=this.data.constructor,o=new r(e.length+t);return o.set(e),o}};var Pe=255,P=class{facts=null;place=null;tokens=0;reads=0;countsBefore=new Uint32Array(0);residency=new Uint8Array(0);selection={token:-1,layer:-1,expert:-1,following:!0};connected=!1;error="";received={messages:0,rows:0,snapshots:0};columns=new Map;listeners=new Set;handlers=new Map;kept=new Map;column(e){let t=this.columns.get(e);return t||(t=new O(new Float32Array(0),1),this.columns.set(e,t)),t}get routedFirst(){return this.column("expert_ids").first}get keptExperts(){return this.column("expert_ids").width/Math.max(1,this.facts?.sparse_layers.length??1)}get shownToken(){let{token:e,following:t}=this.selection;return t||e<0||e>=this.tokens?this.tokens-1:e}layerRow(e){return this.facts?this.facts.sparse_layers.indexOf(e):-1}text(e,t=e+1){let r=this.column("text_start").at(e),o=this.column("text_end").at(Math.min(t,this.tokens)-1);return Number.isNaN(r+o)?"":new TextDecoder().decode(this.column("text").rows(r,o))}readsOf(e){let t=this.column("pass_start").at(e),r=this.column("read_token");return[oe(r,t),oe(r,t+1)]}apply(e){let t=JSON.parse(e.metadata.place);if(t.run!==this.place?.run){if(!e.metadata.facts)return"gap";this.reset(JSON.parse(e.metadata.facts))}else if(t.token_row>this.tokens)return"gap";let r=e.tensors.get("token_id")?.shape[0]??0,o=t.complete!==this.place?.complete;this.place=t;let s=this.tokens;return(t.token_row+r>this.tokens||o||r===0)&&this.take(e,t,r),this.changed(),this.tokens>s||o?"applied":"nothing new"}setResidency(e,t){let r=this.layerRow(e);r<0||!this.facts||(this.residency.set(t,r*this.facts.num_experts),this.changed())}select(e){let t={...this.selection,...e};Object.keys(t).every(o=>t[o]===this.selection[o])||(Object.assign(this.selection,e),this.changed())}onChange(e){return this.listeners.add(e),()=>this.listeners.delete(e)}changed(){for(let e of this.listeners)e()}onPart(e,t){let r=this.handlers.get(e)??new Set;this.handlers.set(e,r.add(t));let o=this.kept.get(e);return o&&t(o,[]),()=>r.delete(t)}keeps(e){return this.kept.has(e)}keep(e){this.kept.set(e.kind,e),this.hand(e,[])}hand(e,t){for(let r of this.handlers.get(e.kind)??[])r(e,t);this.changed()}reset(e){let t=e.sparse_layers.length*e.num_experts;this.facts=e,this.place=null,this.tokens=this.reads=0,this.columns=new Map,this.countsBefore=new Uint32Array(t),this.residency=new Uint8Array(t).fill(Pe),this.error=""}take(e,t,r){let o=e.tensors.get("counts_before");o&&t.routed_row>this.column("expert_ids").end&&this.countsBefore.set(o.values);for(let[s,a]of e.tensors)s!=="counts_before"&&(this.columns.has(s)||this.columns.set(s,Ue(a)),this.put(s,Be(s,t),a.values));this.tokens=Math.max(this.tokens,t.token_row+r),this.reads=this.column("read_token").end}put(e,t,r){let o=this.column(e);if(e!=="expert_ids"){o.append(t,r);return}let[s,a]=[o.first,o.rows(o.first,o.end)];o.append(t,r),o.first>s&&o.first<t&&this.count(a.subarray(0,(o.first-s)*o.width))}count(e){let{num_experts:t,sparse_layers:r}=this.facts;for(let o=0;o<e.length;o++){let s=Math.floor(o/this.keptExperts)%r.length;e[o]<t&&this.countsBefore[s*t+e[o]]++}}},Ne=new Set(["expert_ids","routing_weights","router_entropy","kept_mass","router_margin"]);function Be(n,e){return n==="text"?e.text_byte:n.startsWith("read_")?e.read_row:n.startsWith("patch_")?e.patch_row:Ne.has(n)||n.startsWith("layer_")?e.routed_row:e.token_row}function Ue(n){let e=n.shape.slice(1).reduce((t,r)=>t*r,1);return new O(n.values.slice(0,0),e)}function oe(n,e){let[t,r]=[n.first,n.end];for(;t<r;){let o=t+r>>1;n.at(o)<e?t=o+1:r=o}return t}var se=`.fm-root {
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
`;var ae={F64:Float64Array,F32:Float32Array,I32:Int32Array,I16:Int16Array,U32:Uint32Array,U16:Uint16Array,U8:Uint8Array};function H(n){let e=Number(n.getBigUint64(0,!0)),t=new TextDecoder().decode(new Uint8Array(n.buffer,n.byteOffset+8,e)),r=JSON.parse(t),o=r.__metadata__??{},s=n.byteOffset+8+e,a=new Map;for(let[i,{dtype:c,shape:f,data_offsets:l}]of Object.entries(r)){if(i==="__metadata__")continue;let d=ae[c];if(!d)throw new Error(`array "${i}" has the type ${c}, expected one of ${Object.keys(ae).join(", ")}`);let y=new d(n.buffer.slice(s+l[0],s+l[1]));a.set(i,{shape:f,values:y})}return{metadata:o,tensors:a}}var j=["token","layer","expert","following"],N=class{constructor(e,t){this.model=e;this.store=t;e.on("msg:custom",(r,o)=>this.receive(r,o)),e.on("change:run",()=>this.load()),e.on("change:state",()=>this.kept());for(let r of j)e.on(`change:${r}`,()=>this.selected());e.on("comm_live_update",()=>this.gone()),this.load(),this.kept(),this.selected(),t.onChange(()=>this.publish()),this.ask()}model;store;painted={token:-1,frames:0,latencies:[]};asked=!1;send=(e,t={})=>{this.store.connected&&this.model.send({kind:"command",name:e,args:t})};picture(e){this.store.connected&&this.model.send({kind:"picture"},void 0,[e])}receive(e,t){if(e?.parts===void 0)return;this.store.connected=!0;let r=0;for(let i of e.parts){let c=t.slice(r,r+i.n_buffers);r+=i.n_buffers,i.kind==="rows"?this.rows(c[0]):i.kind==="residency"?this.store.setResidency(i.layer,De(c[0])):this.other(i,c)}this.store.received.messages++;let{token:o,frames:s,latencies:a}=this.painted;this.model.send({kind:"ack",seq:e.seq,painted:o,frames:s,latencies:a.splice(0)})}rows(e){let t=this.store.tokens;this.store.apply(H(e))==="gap"?this.ask():this.asked=!1,this.store.received.rows+=Math.max(0,this.store.tokens-t)}other(e,t){e.kind==="error"&&(this.store.error=String(e.text)),this.store.hand(e,t)}load(){let e=this.model.get("run");!e||e.byteLength===0||this.store.apply(H(e))==="applied"&&this.store.received.snapshots++}kept(){for(let e of Object.values(this.model.get("state")??{}))this.store.keep(e)}ask(){this.asked||(this.asked=!0,this.model.send({kind:"snapshot?",run:this.store.place?.run??"",tokens:this.store.tokens}))}selected(){let e=Object.fromEntries(j.map(t=>[t,this.model.get(t)]));this.store.select(e)}publish(){let{model:e,store:t}=this,r=j.filter(o=>e.get(o)!==t.selection[o]);for(let o of r)e.set(o,t.selection[o]);r.length&&e.save_changes()}gone(){this.store.connected=!1,this.store.changed()}};function De(n){return new Uint8Array(n.buffer,n.byteOffset,n.byteLength)}var Fe=1500;function ie(n){let e=()=>{let t;return{initialize({model:r}){t=new N(r,new P)},render({model:r,el:o}){return t??=new N(r,new P),Ve(n,o,t)}}};return re(e),e}function Ve(n,e,t){let{store:r,send:o}=t,s=n.ready??(m=>m.facts!==null),a=je(n,s);e.append(a.root);let i=n.make(a.body,r,o),[c,f,l]=[0,0,0],d=()=>{c||=requestAnimationFrame(y)},y=m=>{c=0,a.show(r),s(r)&&i.draw(m)&&d(),He(t),f=m,a.status(t),clearTimeout(l),l=setTimeout(g,Fe)},g=async()=>{if(!s(r)||!r.connected||document.hidden||f===0)return;let m=await ee(a.root);m&&t.picture(m)},b=[r.onChange(d),Ye(a.root,d),Ge(a.root,d)];return a.root.addEventListener("keydown",m=>{te(m,r,o)&&(m.preventDefault(),m.stopPropagation())}),d(),()=>{for(let m of b)m();cancelAnimationFrame(c),clearTimeout(l),i.destroy(),a.root.remove()}}function He({store:n,painted:e}){e.frames++;let t=n.tokens-1;if(t===e.token)return;e.token=t;let r=Date.now()-(n.place.epoch_ms+n.column("end_ms").at(t));!n.place.complete&&e.latencies.length<100&&e.latencies.push(Math.round(r*10)/10)}function je(n,e){let t=u("style","",{},se),r=u("span","fm-of"),o=u("div","fm-head",{},u("span","fm-name",{},n.name),r),s=u("div","fm-body"),a=u("div","fm-empty",{},"Nothing to show yet. ",u("code","",{},n.hint)),i=u("div","fm-error",{role:"alert"}),c=u("div","fm-status"),f=u("div","fm-root",{role:"group","aria-label":n.name,tabindex:"0"});return f.append(t,o,s,a,i,c),{root:f,body:s,show(l){s.hidden=!e(l),a.hidden=e(l),R(r,l.facts?ze(l):""),R(i,l.error),i.hidden=l.error===""},status({store:l,painted:d}){let{messages:y,rows:g,snapshots:b}=l.received;Object.assign(c.dataset,{tokens:l.tokens,painted:d.token,frames:d.frames}),Object.assign(c.dataset,{messages:y,rows:g,snapshots:b,connected:l.connected,shown:l.shownToken}),R(c,l.facts?We(l,d.token):"")}}}function ze(n){let e=n.place?.complete?"recorded":"recording";return`${n.facts.label} · ${e} · ${n.facts.machine}`}function We(n,e){let{messages:t,rows:r}=n.received,o=`${A(n.tokens)} tokens, ${A(n.reads)} reads, newest painted: ${e<0?"none":e}`,s=t>1&&r>0?` · ${A(r)} live in ${A(t)} messages`:"",a=n.routedFirst,i=a>0?` · routing from token ${A(a)} on (${T(1-a/n.tokens)})`:"";return o+s+i+(n.connected?"":" · no kernel: what it sent last")}function Ge(n,e){let t=new ResizeObserver(e);return t.observe(n),()=>t.disconnect()}function Ye(n,e){let t=matchMedia("(prefers-color-scheme: dark)"),r=()=>{let s=getComputedStyle(n).getPropertyValue("--jp-ui-font-color1")!=="";n.classList.toggle("fm-plain",!s),n.classList.toggle("fm-dark",s?Ke(n):t.matches),e()},o=new MutationObserver(r);return o.observe(document.body,{attributes:!0}),t.addEventListener("change",r),requestAnimationFrame(r),()=>{o.disconnect(),t.removeEventListener("change",r)}}function Ke(n){let[e,t,r]=(getComputedStyle(n).backgroundColor.match(/[\d.]+/g)??["255","255","255"]).map(Number);return .299*e+.587*t+.114*r<128}var U={PAGE_CACHE:0,PARTLY:1,SSD:2,INFERRED_PAGE_CACHE:3,INFERRED_SSD:4},D=["page cache","partly page cache","SSD","page cache, inferred from its time","SSD, inferred from its time"],C=[x.cache,x.partly,x.ssd,x.cache,x.ssd];function ce(n){return n.source===U.PARTLY?n.before:n.source===U.PAGE_CACHE||n.source===U.INFERRED_PAGE_CACHE?1:0}function z(n){return n>=U.INFERRED_PAGE_CACHE}function W(n,e){let[t,r]=n.readsOf(e);return Array.from({length:Math.max(0,r-t)},(o,s)=>Xe(n,t+s))}function Xe(n,e){let t=r=>n.column(`read_${r}`).at(e);return{row:e,layer:t("layer"),expert:t("expert"),thread:t("thread"),bytes:t("bytes"),start:t("start_ms"),end:t("end_ms"),before:t("resident_fraction_before"),source:t("source")}}function qe(n,e){let t=r=>Je(r.map(o=>[o.start,o.end]));return{reads:n.length,bytes:n.reduce((r,o)=>r+o.bytes,0),hitBytes:n.reduce((r,o)=>r+o.bytes*ce(o),0),inferred:n.some(r=>z(r.source)),readMs:t(n),ssdMs:t(n.filter(r=>ce(r)<1)),passMs:e}}function le(n){let e=t=>n.reduce((r,o)=>r+o[t],0);return{reads:e("reads"),bytes:e("bytes"),hitBytes:e("hitBytes"),inferred:n.some(t=>t.inferred),readMs:e("readMs"),ssdMs:e("ssdMs"),passMs:e("passMs")}}function Je(n){let[e,t]=[0,Number.NEGATIVE_INFINITY];for(let[r,o]of[...n].sort((s,a)=>s[0]-a[0]))e+=Math.max(0,o-Math.max(r,t)),t=Math.max(t,o);return e}var I=class{constructor(e){this.store=e}store;run="";known=new Map;of(e){let t=this.store.place?.run??"";t!==this.run&&this.known.clear(),this.run=t;let r=this.store.column("pass_start").at(e),o=this.known.get(r);if(o)return o;let s=this.store.column("end_ms").at(e)-this.store.column("start_ms").at(e),a=qe(W(this.store,e),s);return a.reads>0&&this.known.set(r,a),a}recent(e,t){let r=[];for(let o=e;o>=0&&r.length<t;o--)this.store.column("phase").at(o)===Qe&&r.push(this.of(o));return r.reverse()}},Qe=1;var de=`.fm-swatch {
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
`;var k=46,ue=12,G=22,fe=.14;function F(n){return n.facts?.sparse_layers??[]}function Y(n,e,t,r,o){let s=new Map;for(let l of n)s.set(l.layer,Math.min(s.get(l.layer)??l.start,l.start));let a=t==="layer"?s:new Map([...s.keys()].map(l=>[l,e[0]])),i=t==="token"?e[1]-e[0]:Math.max(0,...n.map(l=>l.end-s.get(l.layer))),c=r??[0,Number.isFinite(i)&&i>0?i:1],f=(Math.max(1,o)-k-ue)/(c[1]-c[0]);return{reads:n,origin:t,span:c,zero:a,tails:et(n),threads:1+Math.max(0,...n.map(l=>l.thread)),timeAt:l=>c[0]+(Math.max(k,l)-k)/f,x:l=>k+(l-c[0])*f,boxes:[]}}function et(n){let e=new Map;for(let t of n)t.end>=(e.get(t.layer)?.end??Number.NEGATIVE_INFINITY)&&e.set(t.layer,t);return new Set([...e.values()].map(t=>t.row))}function tt(n,e){let t=[],r=e[0];for(let o of[...n].sort((s,a)=>s.start-a.start))o.start>r&&t.push([r,o.start]),r=Math.max(r,o.end);return e[1]>r&&t.push([r,e[1]]),t}function K(n,e,t){let r=n.boxes.filter(a=>t>=a.y-1&&t<=a.y+a.height+1),[o,s]=[null,4];for(let a of r){let i=Math.max(a.x-e,e-a.x-a.width,0);i<s&&([o,s]=[a.read,i])}return o}function me(n,e,t,r,o){let{context:s,width:a,height:i}=n,c=(i-G)/Math.max(1,t.length);s.clearRect(0,0,a,i),s.font=`11px ${e.font}`,t.forEach((f,l)=>{let d=l*c;f===o.selection.layer&&(s.fillStyle=e.accent,s.globalAlpha=.16,s.fillRect(0,d,a,c),s.globalAlpha=1),(c>=12||l%4===0)&&nt(s,e,`layer ${f}`,d+c/2)}),r.origin==="token"&&st(n,e,t,r,c),rt(t,r,c),pe(n,()=>{for(let f of r.boxes)ot(s,r,f,o.selection.expert)}),it(n,e,r)}function nt(n,e,t,r){n.fillStyle=e.faint,n.textAlign="left",n.textBaseline="middle",n.fillText(t.replace("layer ","L"),4,r)}function rt(n,e,t){let r=t*(1-fe)/e.threads;for(let o of e.reads){let s=n.indexOf(o.layer);if(s<0)continue;let a=e.zero.get(o.layer),[i,c]=[e.x(o.start-a),e.x(o.end-a)],f=s*t+t*fe/2+o.thread*r;e.boxes.push({read:o,x:i,y:f,width:Math.max(.8,c-i),height:Math.max(1,r-.6)})}}function ot(n,e,{read:t,x:r,y:o,width:s,height:a},i){let c=C[t.source];z(t.source)&&s>3?(n.strokeStyle=c,n.lineWidth=1,n.strokeRect(r+.5,o+.5,s-1,a-1)):(n.fillStyle=c,n.fillRect(r,o,s>3?s-.7:s,a)),e.tails.has(t.row)&&(n.fillStyle=x.mark,n.fillRect(r+s-1,o-1,2.5,a+2)),t.expert===i&&(n.strokeStyle=x.mark,n.lineWidth=1.5,n.strokeRect(r-1,o-1,s+2,a+2))}function st(n,e,t,r,o){let{context:s}=n,a=[...r.zero.values()][0];if(a===void 0)return;let i=[...r.reads].sort((f,l)=>f.start-l.start),c=a+at(r);s.fillStyle=e.line,pe(n,()=>{for(let[f,l]of tt(r.reads,[a,c])){let d=i.find(w=>w.start>=l),y=d?t.indexOf(d.layer):t.length-1,[g,b]=[r.x(f-a),r.x(l-a)],m=Math.max(2,o*.22);s.fillRect(g,(y+.5)*o-m/2,Math.max(.5,b-g),m)}})}function at(n){let e=n.reads.map(t=>t.end-n.zero.get(t.layer));return Math.max(n.span[1],...e)}function pe(n,e){let{context:t,width:r,height:o}=n;t.save(),t.beginPath(),t.rect(k,0,r-k-ue/2,o-G+1),t.clip(),e(),t.restore()}function it(n,e,t){let{context:r,width:o,height:s}=n,a=s-G+2;r.strokeStyle=e.line,r.fillStyle=e.faint,r.lineWidth=1,r.textBaseline="top",r.textAlign="center",r.beginPath();for(let i of ct(t.span,Math.max(2,Math.floor((o-k)/110)))){let c=Math.round(t.x(i))+.5;r.moveTo(c,0),r.lineTo(c,a+3),r.fillText(i===0?"0":E(i),Math.min(c,o-22),a+5)}r.globalAlpha=.5,r.stroke(),r.globalAlpha=1}function ct([n,e],t){let r=(e-n)/t,o=10**Math.floor(Math.log10(r)),s=[1,2,5,10].find(c=>c*o>=r)*o,a=Math.ceil(n/s-1e-9),i=Math.floor(e/s+1e-9);return Array.from({length:Math.max(0,i-a+1)},(c,f)=>Number(((a+f)*s).toPrecision(12)))}var _=6,lt=12;function he(n,e,t){let r=Math.max(1,Math.floor((t-k-lt)/_)),o=Math.min(n,r);return[Math.max(0,Math.min(n-o,e-Math.floor(o*.75))),o]}function ye(n,e,t){let[r,o]=he(n.tokens,n.shownToken,e),s=Math.floor((t-k)/_);return s>=0&&s<o?r+s:-1}function ge(n,e,t,r){let{context:o,width:s,height:a}=n,[i,c]=he(t.tokens,t.shownToken,s),f=Array.from({length:c},(g,b)=>r.of(i+b)),l=dt(f.map(g=>g.passMs)),d=a-6,y=(d-10)/l;o.clearRect(0,0,s,a),f.forEach((g,b)=>{let m=k+b*_,w=Math.min(g.passMs,l)*y,v=Math.min(g.ssdMs,l)*y,p=Math.min(g.readMs,l)*y;o.fillStyle=e.line,o.fillRect(m,d-w,_-1.5,w),o.fillStyle=x.cache,o.fillRect(m,d-p,_-1.5,p),o.fillStyle=x.ssd,o.fillRect(m,d-v,_-1.5,v),g.passMs>l&&o.clearRect(m-.5,d-w+5,_,2.5),i+b===t.shownToken&&(o.fillStyle=e.accent,o.fillRect(m-.5,d+1.5,_-.5,3))}),o.font=`11px ${e.font}`,o.fillStyle=e.faint,o.textAlign="left",o.textBaseline="top",o.fillText("tokens",4,d-12),o.fillText(E(l),4,2)}function dt(n){let e=n.filter(Number.isFinite).sort((r,o)=>r-o),t=e[Math.floor((e.length-1)/2)]||1;return Math.min(3*t,e[e.length-1]??1)}var ft=32;function ut(n,e,t){let r=new I(e),o="token",s=null,a=null,i=J("Where time starts",[["token","Time in the token","Every read where it stands in its token"],["layer","Time in the layer","Every layer's reads from its first one on"]],p=>{o=p,s=null,e.changed()}),c=L("whole","Whole token","Show all of the time axis again (drag over a part to zoom in)",()=>{s=null,e.changed()}),f=u("div","fm-says",{"data-name":"running"}),l=u("div","fm-says",{"data-name":"says","aria-live":"off"}),d=u("div","fm-tip");d.hidden=!0;let y=Z(e,t),g=u("div",""),b=u("div","");n.append(u("style","",{},de),u("div","fm-row",{},i.el,c,f),y.el,g,b,gt(),l,d);let m=V(g,"Time of each token, the waiting for reads coloured"),w=V(b,"Reads of one token, a row for each layer"),v=Y([],[0,1],o,null,0);return m.canvas.addEventListener("click",p=>{let h=ye(e,m.width,p.offsetX);h>=0&&e.select({token:h,following:!1})}),w.canvas.addEventListener("pointerdown",p=>{a=v.timeAt(p.offsetX),w.canvas.setPointerCapture(p.pointerId)}),w.canvas.addEventListener("pointerup",p=>{let h=a;if(a=null,h===null)return;let S=v.timeAt(p.offsetX);if(Math.abs(v.x(h)-p.offsetX)>6){s=[Math.min(h,S),Math.max(h,S)],e.changed();return}let M=K(v,p.offsetX,p.offsetY);M&&e.select({layer:M.layer,expert:M.expert})}),w.canvas.addEventListener("pointermove",p=>{let h=K(v,p.offsetX,p.offsetY);if(d.hidden=h===null,!h)return;let S=h.end-h.start,M=Number.isNaN(h.before)?"":`
${T(h.before)} of its pages were resident`,be=v.tails.has(h.row)?`
last of its layer: the layer waits for it`:"";R(d,`layer ${h.layer}, expert ${h.expert}, thread ${h.thread}
${E(S)} for ${$(h.bytes)}: ${(h.bytes/S/1e6).toPrecision(2)} GB/s
${D[h.source]}${M}${be}`);let xe=b.offsetLeft+p.offsetX;d.style.left=`${Math.max(0,Math.min(xe+14,n.clientWidth-230))}px`,d.style.top=`${b.offsetTop+p.offsetY+16}px`}),w.canvas.addEventListener("pointerleave",()=>{d.hidden=!0}),{draw(){let p=e.shownToken,h=q(n);i.show(o),c.disabled=s===null,m.fit(64),ge(m,h,e,r),w.fit(26+F(e).length*pt(e)),v=Y(W(e,p),mt(e),o,s,w.width),me(w,h,F(e),v,e);let S=r.recent(p,ft),M=le(S);R(f,ht(M,S.length)),Object.assign(f.dataset,{hit:(M.hitBytes/M.bytes).toFixed(4),tokens:S.length}),R(l,yt(e,p,r.of(p))),y.draw(M,S.length)},destroy:()=>y.destroy()}}function mt(n){let e=n.shownToken;return[n.column("start_ms").at(e),n.column("end_ms").at(e)]}function pt(n){return Math.max(9,Math.min(26,Math.floor(520/Math.max(1,F(n).length))))}function ht(n,e){if(e===0||n.reads===0)return"no reads of decoded tokens yet";let t=n.readMs>0?`${(n.bytes/n.readMs/1e6).toPrecision(3)} GB/s`:"no reads",r=n.inferred?" (in part inferred)":"";return`last ${e} tokens: ${t} while reading, ${T(n.hitBytes/n.bytes)} from the page cache${r}, ${T(n.readMs/n.passMs)} of the time in reads, ${T(n.ssdMs/n.passMs)} waiting for the SSD`}function yt(n,e,t){if(e<0)return"No token yet.";let r=Q(n.text(e));if(t.reads===0)return`Token ${e} “${r}”: its reads are not here (none made, or let go of).`;let o=n.column("pass_start").at(e),s=n.column("phase").at(e)===0?`, shared by the prompt's tokens from ${o} on`:"",a=T(t.hitBytes/t.bytes);return`Token ${e} “${r}”: ${A(t.reads)} reads${s}, ${$(t.bytes)} in ${E(t.readMs)} of ${E(t.passMs)}; ${a} from the page cache, ${E(t.ssdMs)} waiting for the SSD.`}function gt(){let n=[[C[0],"",D[0]],[C[1],"","partly"],[C[2],"",D[2]],[x.unknown,"fm-hollow","hollow: inferred from its time"],[x.mark,"fm-tail","last of its layer: the layer waits for it"],["var(--fm-line)","","between reads: compute"]],e=u("div","fm-row fm-legend");for(let[t,r,o]of n){let s=u("i",`fm-swatch ${r}`);s.style.setProperty("--swatch",t),e.append(u("span","fm-faint",{},s,o))}return e}var pn=ie({name:"ReadTimeline",hint:"fm.widgets.ReadTimeline().attach(session) or .attach(fm.load_trace(path))",make:ut});export{pn as default};
