// widgets/src sha256 65f7a08d9ba6803622b6ce44ae79d1088b3ddf8b62d7ca46f34dad0ca89c2fea
var F=`.fm-slider {
  width: 190px;
  vertical-align: middle;
}
.fm-value {
  display: inline-block;
  min-width: 12ch;
}
.fm-root input[data-name="latency"] {
  width: 9ch;
}
.fm-stroke {
  display: inline-block;
  width: 14px;
  height: 3px;
  margin: 0 4px 0 2px;
  vertical-align: 3px;
}
.fm-without table,
.fm-without canvas {
  display: none;
}
.fm-root table[data-name="table"] {
  margin: 6px 0;
}
.fm-root th[scope="row"] {
  text-align: left;
  font-weight: 400;
}
.fm-root input[type="checkbox"] {
  margin: 0 2px 0 0;
  vertical-align: -2px;
  accent-color: var(--fm-accent);
}
`;function j(t,e){let n=document.createElement("canvas");n.className="fm-canvas",n.setAttribute("role","img"),n.setAttribute("aria-label",e),t.append(n);let r=n.getContext("2d"),[o,s]=[0,0];return{canvas:n,context:r,get width(){return o},get height(){return s},fit(a){let i=globalThis.devicePixelRatio||1,l=Math.max(200,Math.floor(t.clientWidth)),f=l!==o||a!==s||n.width!==Math.round(l*i);return f&&([o,s]=[l,a],n.width=Math.round(l*i),n.height=Math.round(a*i),n.style.width=`${l}px`,n.style.height=`${a}px`),r.setTransform(i,0,0,i,0,0),f}}}var ye="440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",ge="00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";function z(t){let e=t.split(" ").map(r=>Number.parseInt(r,16)),n=(r,o)=>r>>o&255;return Uint32Array.from({length:256},(r,o)=>{let s=o/255*(e.length-1),a=Math.min(Math.floor(s),e.length-2),i=l=>Math.round(n(e[a],l)*(a+1-s)+n(e[a+1],l)*(s-a));return be(i(16),i(8),i(0))})}function be(t,e,n,r=255){return(r<<24|n<<16|e<<8|t)>>>0}var ct=z(ye),dt=z(ge);var y={cache:"#009E73",partly:"#CC79A7",ssd:"#E69F00",unknown:"#999999",mark:"#0072B2"};function W(t){let e=getComputedStyle(t),n=r=>e.getPropertyValue(r).trim();return{dark:t.closest(".fm-dark")!==null,text:n("--fm-text"),faint:n("--fm-faint"),line:n("--fm-line"),paper:n("--fm-paper"),accent:n("--fm-accent"),font:e.fontFamily}}function xe(t,e,n){let r=t.findIndex(i=>n<=i);if(r<0)return e[e.length-1];if(r===0)return e[0];let[o,s]=[t[r-1],t[r]],a=Math.log(n/o)/Math.log(s/o);return e[r-1]*(1-a)+e[r]*a}function E(t,e,n){let r=t.hit_rates[t.policies.indexOf(e)];return r?xe(t.capacities,r,n):Number.NaN}function P(t,e){let[n,r]=[t.capacities[0],t.capacities[t.capacities.length-1]];return n*(r/n)**e}function B(t,e){let[n,r]=[t.capacities[0],t.capacities[t.capacities.length-1]];return r>n?Math.log(e/n)/Math.log(r/n):0}function L(t,e){return Math.round(e)*t.layers*t.expert_bytes}function q(t,e){return(1-e)*t.layers*t.top_k*t.expert_bytes}function O(t,e,n,r){let o=t.cache_bytes_per_s===null?0:t.expert_bytes/t.cache_bytes_per_s*1e3,s=r+t.expert_bytes/n*1e3,a=e*o+(1-e)*s;return 1e3/(t.other_ms+t.layers*t.top_k*a)}function Y(t,e){return t.ssd_read_ns===null?.025:Math.max(0,t.ssd_read_ns/1e6-t.expert_bytes/e*1e3)}function w(t){return t.toLocaleString("en")}function _(t){for(let[e,n]of[["TB",1e12],["GB",1e9],["MB",1e6],["kB",1e3]])if(t>=n)return`${U(t/n)} ${e}`;return`${t} B`}function b(t){return Number.isFinite(t)?`${(t*100).toFixed(1)} %`:"unknown"}function U(t){return t>=999.5?t.toFixed(0):t.toPrecision(3)}var[K,we,G,ve]=[52,14,20,34];function J(t,e,n,r){let{context:o,width:s,height:a}=t,i=u=>O(n,u,r.ssd,r.wait),l=Math.max(...n.hit_rates.flat(),n.realised??0),f=[{title:"hit rate",most:1,value:u=>u,text:u=>b(u).replace(".0","")},{title:"tokens a second",most:Me(i(l)),value:i,text:u=>w(Number(u.toPrecision(2)))}],c=s>=700;o.clearRect(0,0,s,a),o.font=`11px ${e.font}`,f.forEach((u,h)=>{let p=c?s/2:s,g=c?a:a/2,[k,M]=[c?h*p:0,c?0:h*g],S={x:k+K,y:M+G,width:p-K-we,height:g-G-ve};ke(o,e,n,u,S),Se(o,e,n,u,S,r)})}function ke(t,e,n,r,o){t.fillStyle=e.text,t.textAlign="left",t.textBaseline="alphabetic",t.fillText(r.title,o.x,o.y-7),t.fillStyle=e.faint,t.strokeStyle=e.line,t.lineWidth=1,t.textAlign="right",t.textBaseline="middle";for(let s of[0,.25,.5,.75,1]){let a=Math.round(o.y+o.height*(1-s))+.5;I(t,o.x,a,o.x+o.width,a),t.fillText(r.text(s*r.most),o.x-6,a)}t.textBaseline="top";for(let s of[0,.25,.5,.75,1]){let a=P(n,s),i=o.x+o.width*s;t.textAlign=s===0?"left":s===1?"right":"center",t.fillText(_(L(n,a)),i,o.y+o.height+5),t.fillText(`${Math.round(a)}/layer`,i,o.y+o.height+18)}}function Se(t,e,n,r,o,{chosen:s,capacity:a,colours:i}){let l=c=>o.y+o.height*(1-Math.min(1,r.value(c)/r.most)),f=o.x+o.width*B(n,a);t.strokeStyle=e.accent,I(t,f,o.y,f,o.y+o.height);for(let c of s){let u=n.hit_rates[n.policies.indexOf(c)];t.strokeStyle=t.fillStyle=i[c]??e.text,t.lineWidth=2,t.setLineDash(c==="belady"?[6,3]:[]),t.beginPath(),n.capacities.forEach((h,p)=>{t.lineTo(o.x+o.width*B(n,h),l(u[p]))}),t.stroke(),t.setLineDash([]),t.beginPath(),t.arc(f,l(E(n,c,a)),3.5,0,2*Math.PI),t.fill()}n.realised!==null&&(t.strokeStyle=e.text,t.fillStyle=e.text,t.lineWidth=1,t.setLineDash([2,3]),I(t,o.x,l(n.realised),o.x+o.width,l(n.realised)),t.setLineDash([]),t.textAlign="left",t.textBaseline="bottom",t.fillText("realised",o.x+4,l(n.realised)-1<o.y+12?l(n.realised)+14:l(n.realised)-1))}function I(t,e,n,r,o){t.beginPath(),t.moveTo(e,n),t.lineTo(r,o),t.stroke()}function Me(t){let e=10**Math.floor(Math.log10(t));return([1,2,4,8,10].find(n=>n*e>=t)??10)*e}function d(t,e,n={},...r){let o=document.createElement(t);e&&(o.className=e);for(let[s,a]of Object.entries(n))o.setAttribute(s,a);return o.append(...r),o}function X(t,e,n,r){let o=d("button","",{type:"button","data-name":t,title:n},e);return o.addEventListener("click",r),o}function v(t,e){t.textContent!==e&&(t.textContent=e)}async function Q(t){let{width:e,height:n}=t.getBoundingClientRect();if(e<1||n<1)return null;let r=t.cloneNode(!0),[o,s]=[t.querySelectorAll("canvas"),r.querySelectorAll("canvas")];o.forEach((l,f)=>{if(l.hidden){s[f].remove();return}let c=new Image;c.src=l.toDataURL(),c.setAttribute("style",`${l.getAttribute("style")};display:block`),s[f].replaceWith(c)}),_e(t,r),Ee(t,r);let a=new XMLSerializer().serializeToString(r),i=`<svg xmlns="http://www.w3.org/2000/svg" width="${e}" height="${n}"><foreignObject width="100%" height="100%">${a}</foreignObject></svg>`;try{return await Ae(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(i)}`,e,n)}catch{return null}}function _e(t,e){let n=e.querySelectorAll("input");t.querySelectorAll("input").forEach((s,a)=>{n[a].setAttribute("value",s.value),n[a].toggleAttribute("checked",s.checked)});let r=e.querySelectorAll("textarea");t.querySelectorAll("textarea").forEach((s,a)=>{r[a].textContent=s.value});let o=e.querySelectorAll("select");t.querySelectorAll("select").forEach((s,a)=>{[...o[a].options].forEach((i,l)=>{i.toggleAttribute("selected",l===s.selectedIndex)})})}function Ee(t,e){let n=getComputedStyle(t);for(let r of["text","faint","line","paper","raised","accent","warn","error"])e.style.setProperty(`--fm-${r}`,n.getPropertyValue(`--fm-${r}`));e.style.font=n.font}async function Ae(t,e,n){let r=new Image;r.src=t,await r.decode();let o=document.createElement("canvas");o.width=Math.round(e),o.height=Math.round(n),o.getContext("2d").drawImage(r,0,0);let s=await new Promise(a=>o.toBlob(a,"image/png"));return s?s.arrayBuffer():null}function Z(t,e,n){if(t.ctrlKey||t.metaKey||t.altKey)return!1;let r=t.target,o=r.closest("input, select, textarea")!==null;if(t.key==="Escape")e.select({layer:-1,expert:-1,token:-1,following:!0});else{if(o)return!1;if(t.key==="ArrowLeft"||t.key==="ArrowRight")Re(e,t.key==="ArrowRight"?1:-1);else if(t.key==="ArrowUp"||t.key==="ArrowDown"){if(Te(r))return!1;Ce(e,t.key==="ArrowDown"?1:-1)}else if(t.key===" "&&!r.closest("button"))n("toggle");else return!1}return!0}function Te(t){let e=t.closest('[tabindex="0"]:not(.fm-root)');return e!==null&&e.scrollHeight>e.clientHeight}function Re(t,e){let n=Math.max(0,Math.min(t.tokens-1,t.shownToken+e));t.tokens&&t.select({token:n,following:!1})}function Ce(t,e){let n=t.facts?.sparse_layers??[];if(n.length===0)return;let r=t.layerRow(t.selection.layer),o=r<0?e>0?0:n.length-1:Math.max(0,Math.min(n.length-1,r+e));t.select({layer:n[o],expert:-1})}var ee="fm-page",te;function ne(t){te=t,queueMicrotask(()=>{te===t&&Pe(t)})}function Pe(t){let e=document.getElementById(ee),n=document.getElementById(`${ee}-data`);if(!e||!n)return;let{traits:r,run:o}=JSON.parse(n.textContent??"{}"),s=t(),a=Oe({...r,run:Le(o)});s.initialize({model:a}),s.render({model:a,el:e})}function Le(t){return new DataView(Uint8Array.from(atob(t),e=>e.charCodeAt(0)).buffer)}function Oe(t){return{get:e=>t[e],set:(e,n)=>{t[e]=n},save_changes:()=>{},send:()=>{},on:()=>{}}}var A=class{constructor(e,n,r=96e6){this.width=n;this.mostBytes=r;this.data=e}width;mostBytes;first=0;end=0;data;has(e){return e>=this.first&&e<this.end}at(e,n=0){return this.has(e)?this.data[(e-this.first)*this.width+n]:Number.NaN}rows(e,n=e+1){let r=Math.max(e,this.first)-this.first,o=Math.min(n,this.end)-this.first;return this.data.subarray(r*this.width,Math.max(r,o)*this.width)}append(e,n){let r=Math.max(0,this.end-e),o=this.width?n.length/this.width:0;e>this.end&&(this.first=this.end=e);let s=n.subarray(r*this.width);s.length!==0&&(this.reserve(s.length),this.data.set(s,(this.end-this.first)*this.width),this.end=e+o)}reserve(e){let n=(this.end-this.first)*this.width;if(n+e<=this.data.length)return;let r=this.data.subarray(0,n);if((n+e)*this.data.BYTES_PER_ELEMENT>this.mostBytes&&this.width>1){let o=Math.floor((this.end-this.first)/2);this.data=this.grown(r.subarray(o*this.width),e),this.first+=o}else this.data=this.grown(r,Math.max(e,n))}grown(e,n){let r=this.data.constructor,o=new r(e.length+n);return o.set(e),o}};var N={PAGE_CACHE:0,PARTLY:1,SSD:2,INFERRED_PAGE_CACHE:3,INFERRED_SSD:4};var St=[y.cache,y.partly,y.ssd,y.cache,y.ssd];function re(t){return t.source===N.PARTLY?t.before:t.source===N.PAGE_CACHE||t.source===N.INFERRED_PAGE_CACHE?1:0}function Ne(t){return t>=N.INFERRED_PAGE_CACHE}function De(t,e){let[n,r]=t.readsOf(e);return Array.from({length:Math.max(0,r-n)},(o,s)=>$e(t,n+s))}function $e(t,e){let n=r=>t.column(`read_${r}`).at(e);return{row:e,layer:n("layer"),expert:n("expert"),thread:n("thread"),bytes:n("bytes"),start:n("start_ms"),end:n("end_ms"),before:n("resident_fraction_before"),source:n("source")}}function Be(t,e){let n=r=>Ue(r.map(o=>[o.start,o.end]));return{reads:t.length,bytes:t.reduce((r,o)=>r+o.bytes,0),hitBytes:t.reduce((r,o)=>r+o.bytes*re(o),0),inferred:t.some(r=>Ne(r.source)),readMs:n(t),ssdMs:n(t.filter(r=>re(r)<1)),passMs:e}}function Ue(t){let[e,n]=[0,Number.NEGATIVE_INFINITY];for(let[r,o]of[...t].sort((s,a)=>s[0]-a[0]))e+=Math.max(0,o-Math.max(r,n)),n=Math.max(n,o);return e}var D=class{constructor(e){this.store=e}store;run="";known=new Map;of(e){let n=this.store.place?.run??"";n!==this.run&&this.known.clear(),this.run=n;let r=this.store.column("pass_start").at(e),o=this.known.get(r);if(o)return o;let s=this.store.column("end_ms").at(e)-this.store.column("start_ms").at(e),a=Be(De(this.store,e),s);return a.reads>0&&this.known.set(r,a),a}recent(e,n){let r=[];for(let o=e;o>=0&&r.length<n;o--)this.store.column("phase").at(o)===Ie&&r.push(this.of(o));return r.reverse()}},Ie=1;var He=255,T=class{facts=null;place=null;tokens=0;reads=0;countsBefore=new Uint32Array(0);residency=new Uint8Array(0);selection={token:-1,layer:-1,expert:-1,following:!0};connected=!1;error="";received={messages:0,rows:0,snapshots:0};sums=new D(this);columns=new Map;listeners=new Set;handlers=new Map;kept=new Map;column(e){let n=this.columns.get(e);return n||(n=new A(new Float32Array(0),1),this.columns.set(e,n)),n}get routedFirst(){return this.column("expert_ids").first}get keptExperts(){return this.column("expert_ids").width/Math.max(1,this.facts?.sparse_layers.length??1)}chosen(e,n){let r=this.keptExperts,o=this.column("expert_ids").rows(e).subarray(n*r,(n+1)*r),s=0;for(;s<o.length&&o[s]<this.facts.num_experts;)s++;return o.subarray(0,s)}get shownToken(){let{token:e,following:n}=this.selection;return n||e<0||e>=this.tokens?this.tokens-1:e}layerRow(e){return this.facts?this.facts.sparse_layers.indexOf(e):-1}text(e,n=e+1){let r=this.column("text_start").at(e),o=this.column("text_end").at(Math.min(n,this.tokens)-1);return Number.isNaN(r+o)?"":new TextDecoder().decode(this.column("text").rows(r,o))}readsOf(e){let n=this.column("pass_start").at(e),r=this.column("read_token");return[oe(r,n),oe(r,n+1)]}apply(e){let n=JSON.parse(e.metadata.place);if(n.run!==this.place?.run){if(!e.metadata.facts)return"gap";this.reset(JSON.parse(e.metadata.facts))}else if(n.token_row>this.tokens)return"gap";let r=e.tensors.get("token_id")?.shape[0]??0,o=n.complete!==this.place?.complete;this.place=n;let s=this.tokens;return(n.token_row+r>this.tokens||o||r===0)&&this.take(e,n,r),this.changed(),this.tokens>s||o?"applied":"nothing new"}setResidency(e,n){let r=this.layerRow(e);r<0||!this.facts||(this.residency.set(n,r*this.facts.num_experts),this.changed())}select(e){let n={...this.selection,...e};Object.keys(n).every(o=>n[o]===this.selection[o])||(Object.assign(this.selection,e),this.changed())}onChange(e){return this.listeners.add(e),()=>this.listeners.delete(e)}changed(){for(let e of this.listeners)e()}onPart(e,n){let r=this.handlers.get(e)??new Set;this.handlers.set(e,r.add(n));let o=this.kept.get(e);return o&&n(o,[]),()=>r.delete(n)}keeps(e){return this.kept.has(e)}keep(e){this.kept.set(e.kind,e),this.hand(e,[])}hand(e,n){for(let r of this.handlers.get(e.kind)??[])r(e,n);this.changed()}reset(e){let n=e.sparse_layers.length*e.num_experts;this.facts=e,this.place=null,this.tokens=this.reads=0,this.columns=new Map,this.countsBefore=new Uint32Array(n),this.residency=new Uint8Array(n).fill(He),this.error=""}take(e,n,r){let o=e.tensors.get("counts_before");o&&n.routed_row>this.column("expert_ids").end&&this.countsBefore.set(o.values);for(let[s,a]of e.tensors)s!=="counts_before"&&(this.column(s).end===0&&this.columns.set(s,je(a)),this.put(s,Fe(s,n),a.values));this.tokens=Math.max(this.tokens,n.token_row+r),this.reads=this.column("read_token").end}put(e,n,r){let o=this.column(e);if(e!=="expert_ids"){o.append(n,r);return}let[s,a]=[o.first,o.rows(o.first,o.end)];o.append(n,r),o.first>s&&o.first<n&&this.count(a.subarray(0,(o.first-s)*o.width))}count(e){let{num_experts:n,sparse_layers:r}=this.facts;for(let o=0;o<e.length;o++){let s=Math.floor(o/this.keptExperts)%r.length;e[o]<n&&this.countsBefore[s*n+e[o]]++}}},Ve=new Set(["expert_ids","routing_weights","router_entropy","kept_mass","router_margin"]);function Fe(t,e){return t==="text"?e.text_byte:t.startsWith("read_")?e.read_row:t.startsWith("patch_")?e.patch_row:Ve.has(t)||t.startsWith("layer_")?e.routed_row:e.token_row}function je(t){let e=t.shape.slice(1).reduce((n,r)=>n*r,1);return new A(t.values.slice(0,0),e)}function oe(t,e){let[n,r]=[t.first,t.end];for(;n<r;){let o=n+r>>1;t.at(o)<e?n=o+1:r=o}return n}var se=`.fm-root {
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
`;var ae={F64:Float64Array,F32:Float32Array,I32:Int32Array,I16:Int16Array,U32:Uint32Array,U16:Uint16Array,U8:Uint8Array};function H(t){let e=Number(t.getBigUint64(0,!0)),n=new TextDecoder().decode(new Uint8Array(t.buffer,t.byteOffset+8,e)),r=JSON.parse(n),o=r.__metadata__??{},s=t.byteOffset+8+e,a=new Map;for(let[i,{dtype:l,shape:f,data_offsets:c}]of Object.entries(r)){if(i==="__metadata__")continue;let u=ae[l];if(!u)throw new Error(`array "${i}" has the type ${l}, expected one of ${Object.keys(ae).join(", ")}`);let h=new u(t.buffer.slice(s+c[0],s+c[1]));a.set(i,{shape:f,values:h})}return{metadata:o,tensors:a}}var V=["token","layer","expert","following"],R=class{constructor(e,n){this.model=e;this.store=n;e.on("msg:custom",(r,o)=>this.receive(r,o)),e.on("change:run",()=>this.load()),e.on("change:state",()=>this.kept());for(let r of V)e.on(`change:${r}`,()=>this.selected([r]));e.on("comm_live_update",()=>this.gone()),this.load(),this.kept(),this.selected(V),n.onChange(()=>this.publish()),this.ask()}model;store;painted={token:-1,frames:0,latencies:[]};asked=!1;seq=0;toldPainted=-1;send=(e,n={})=>{this.tell({kind:"command",name:e,args:n})};picture(e){this.tell({kind:"picture"},[e])}tell(e,n=[]){if(this.store.connected)try{this.model.send(e,void 0,n)}catch{this.gone()}}receive(e,n){if(e?.parts===void 0)return;this.store.connected=!0;let r=0;for(let o of e.parts){let s=n.slice(r,r+o.n_buffers);r+=o.n_buffers,o.kind==="rows"?this.rows(s[0]):o.kind==="residency"?this.store.setResidency(o.layer,We(s[0])):this.other(o,s)}this.store.received.messages++,this.seq=e.seq,this.acknowledge()}settle(){this.painted.token!==this.toldPainted&&this.acknowledge()}acknowledge(){let{token:e,frames:n,latencies:r}=this.painted;this.toldPainted=e,this.tell({kind:"ack",seq:this.seq,painted:e,frames:n,latencies:r.splice(0)})}rows(e){let n=this.store.tokens;this.store.apply(H(e))==="gap"?this.ask():this.asked=!1,this.store.received.rows+=Math.max(0,this.store.tokens-n)}other(e,n){e.kind==="hello"&&(this.asked=!1),e.kind==="error"&&(this.store.error=String(e.text)),this.store.hand(e,n)}load(){let e=this.model.get("run");!e||e.byteLength===0||this.store.apply(H(e))==="applied"&&this.store.received.snapshots++}kept(){for(let e of Object.values(this.model.get("state")??{}))this.store.keep(e)}ask(){this.asked||(this.asked=!0,this.model.send({kind:"snapshot?",run:this.store.place?.run??"",tokens:this.store.tokens}))}selected(e){let n=Object.fromEntries(e.map(r=>[r,this.model.get(r)]));this.store.select(n)}publish(){let{model:e,store:n}=this,r=V.filter(o=>e.get(o)!==n.selection[o]);for(let o of r)e.set(o,n.selection[o]);r.length&&e.save_changes()}gone(){this.store.connected=!1,this.store.changed()}};function We(t){return new Uint8Array(t.buffer,t.byteOffset,t.byteLength)}var qe=1500,Ye=150,Ke=navigator.hardwareConcurrency<=4?30:0;function ie(t){let e=()=>{let n;return{initialize({model:r}){n=new R(r,new T)},render({model:r,el:o}){return n??=new R(r,new T),Ge(t,o,n)}}};return ne(e),e}function Ge(t,e,n){let{store:r,send:o}=n,s=t.ready??(m=>m.facts!==null),a=Xe(t,s);e.append(a.root);let i=t.make(a.body,r,o),l=!0,[f,c,u,h]=[0,0,0,0],p=()=>{f||=requestAnimationFrame(k)},g=()=>{l=!0,p()},k=m=>{if(f=0,m-c<Ke){p();return}a.show(r);let x=l;l=!1,s(r)&&i.draw(m,x)&&p(),Je(n),c=m,h||=setTimeout(M,Ye),clearTimeout(u),u=setTimeout(S,qe)},M=()=>{h=0,a.status(n)},S=async()=>{if(n.settle(),!s(r)||!r.connected||document.hidden||c===0)return;let m=await Q(a.root);m&&n.picture(m)},$=[r.onChange(g),tt(a.root,g),et(a.root,g)];return a.root.addEventListener("keydown",m=>{Z(m,r,o)&&(m.preventDefault(),m.stopPropagation())}),p(),()=>{for(let m of $)m();cancelAnimationFrame(f),clearTimeout(u),clearTimeout(h),i.destroy(),a.root.remove()}}function Je({store:t,painted:e}){e.frames++;let n=t.tokens-1;if(n===e.token)return;e.token=n;let r=Date.now()-(t.place.epoch_ms+t.column("end_ms").at(n));n>=0&&!t.place.complete&&e.latencies.length<100&&e.latencies.push(Math.round(r*10)/10)}function Xe(t,e){let n=d("style","",{},se),r=d("span","fm-of"),o=d("div","fm-head",{},d("span","fm-name",{},t.name),r),s=d("div","fm-body"),a=d("div","fm-empty",{},"Nothing to show yet. ",d("code","",{},t.hint)),i=d("div","fm-error",{role:"alert"}),l=d("div","fm-status"),f=d("div","fm-root",{role:"group","aria-label":t.name,tabindex:"0"});return f.append(n,o,s,a,i,l),{root:f,body:s,show(c){s.hidden=!e(c),a.hidden=e(c),v(r,c.facts?Qe(c):""),v(i,c.error),i.hidden=c.error===""},status({store:c,painted:u}){let{messages:h,rows:p,snapshots:g}=c.received;Object.assign(l.dataset,{tokens:c.tokens,painted:u.token,frames:u.frames}),Object.assign(l.dataset,{messages:h,rows:p,snapshots:g,connected:c.connected,shown:c.shownToken}),v(l,c.facts?Ze(c,u.token):"")}}}function Qe(t){let e=t.place?.complete?"recorded":"recording";return`${t.facts.label} · ${e} · ${t.facts.machine}`}function Ze(t,e){let{messages:n,rows:r}=t.received,o=`${w(t.tokens)} tokens, ${w(t.reads)} reads, newest painted: ${e<0?"none":e}`,s=n>1&&r>0?` · ${w(r)} live in ${w(n)} messages`:"",a=t.routedFirst,i=a>0?` · routing from token ${w(a)} on (${b(1-a/t.tokens)})`:"",l=n===0?"":" · no kernel: what it sent last";return o+s+i+(t.connected?"":l)}function et(t,e){let n=new ResizeObserver(e);return n.observe(t),()=>n.disconnect()}function tt(t,e){let n=matchMedia("(prefers-color-scheme: dark)"),r=()=>{let s=getComputedStyle(t).getPropertyValue("--jp-ui-font-color1")!=="";t.classList.toggle("fm-plain",!s),t.classList.toggle("fm-dark",s?nt(t):n.matches),e()},o=new MutationObserver(r);return o.observe(document.body,{attributes:!0}),n.addEventListener("change",r),requestAnimationFrame(r),()=>{o.disconnect(),n.removeEventListener("change",r)}}function nt(t){let[e,n,r]=(getComputedStyle(t).backgroundColor.match(/[\d.]+/g)??["255","255","255"]).map(Number);return .299*e+.587*n+.114*r<128}var ue={lru:"LRU",lfu:"LFU",fifo:"FIFO",belady:"oracle (Belady)"},fe={lru:y.mark,lfu:y.cache,fifo:y.partly,belady:y.ssd},rt=(t,e,n)=>{let r=null,o="",s=new Set(["lru","lfu","belady"]),a=le("size","Size of the cache"),i=le("ssd","Speed of the SSD");[a.value,i.value]=["0.6","0.5"];let l=d("input","",{type:"number",min:"0",step:"any","data-name":"latency"});l.setAttribute("aria-label","Microseconds a miss waits beside its bytes");let f=X("replay","Replay","Replay the tokens decoded so far",()=>n("replay")),c=d("output","fm-value",{"data-name":"size_text"}),u=d("output","fm-value",{"data-name":"ssd_text"}),h=d("span","fm-row"),p=d("table","",{"data-name":"table"}),g=d("div","fm-says",{"data-name":"says"}),k=d("div",""),M=d("div","fm-row",{},d("label","",{},"Cache ",a," ",c));M.append(d("label","",{},"SSD ",i," ",u),d("label","",{},l," µs a miss"),f),t.append(d("style","",{},F),M,h,k,p,g);let S=j(k,"Hit rate and tokens a second over the size of the cache");for(let m of[a,i,l])m.addEventListener("input",()=>e.changed());let $=e.onPart("cache_sim",m=>{let x=r===null;o=String(m.note??""),r=m.sim??null,r&&(x&&(l.value=String(Number((Y(r,ce(i))*1e3).toPrecision(2)))),h.replaceChildren(...r.policies.map(C=>ot(C,s,()=>e.changed()))))});return{draw(){if(f.disabled=!e.connected,t.classList.toggle("fm-without",r===null),v(g,r?at(r,o):o||"Not replayed yet."),!r)return;let m=P(r,Number(a.value)),x=ce(i),C=Math.max(0,Number(l.value)||0)/1e3;v(c,`${_(L(r,m))} = ${Math.round(m)} experts a layer`),v(u,`${_(x)}/s`),Object.assign(t.dataset,{capacity:Math.round(m),ssd:x}),S.fit(k.clientWidth<700?380:240);let me=r.policies.filter(he=>s.has(he));J(S,W(t),r,{chosen:me,capacity:m,ssd:x,wait:C,colours:fe}),p.replaceChildren(...st(r,m,x,C))},destroy:$}};function le(t,e){let n=d("input","fm-slider",{type:"range",min:"0",max:"1",step:"0.002","data-name":t});return n.setAttribute("aria-label",e),n}function ce(t){return 5e7*1e3**Number(t.value)}function ot(t,e,n){let r=d("input","",{type:"checkbox","data-name":`policy_${t}`});r.checked=e.has(t),r.addEventListener("change",()=>{r.checked?e.add(t):e.delete(t),n()});let o=d("i","fm-stroke");return o.style.background=fe[t]??y.unknown,d("label","",{},r," ",o,ue[t]??t)}function st(t,e,n,r){let o=E(t,"belady",e),a=[d("tr","",{},...["at this size","hit rate","of the oracle's","from SSD a token","tokens/s"].map(i=>d("th","",{},i)))];for(let i of t.policies){let l=E(t,i,e);a.push(de(i,ue[i]??i,t,l,o,n,r))}return t.realised!==null&&a.push(de("realised","realised (page cache)",t,t.realised,o,n,r)),a}function de(t,e,n,r,o,s,a){let l=[b(r),t==="realised"?"":b(o>0?r/o:1),_(Math.round(q(n,r))),U(O(n,r,s,a))].map(f=>d("td","",{},f));return d("tr","",{"data-policy":t},d("th","",{scope:"row"},e),...l)}function at(t,e){let n=t.hit_rates[t.policies.indexOf("belady")]?.at(-1)??1,r=t.realised===null?"What the page cache really held was not measured.":`The page cache really held ${b(t.realised)} of the bytes (later half of the run; unlike a replay it may not have been empty at the start).`;return`${t.tokens} decoded tokens replayed after ${t.warmup} that filled the cache; a cache is per layer, all of one size. No cache hits more than ${b(n)}: the rest are first uses. ${r} Tokens/s: this run's time beside reads, and every miss in turn.${e?` ${e}`:""}`}var Gt=ie({name:"CacheSim",hint:"CacheSim(session), or CacheSim(fm.load_trace(path))",make:rt});export{fe as POLICY_COLOURS,ue as POLICY_NAMES,Gt as default,rt as makeCacheSim};
