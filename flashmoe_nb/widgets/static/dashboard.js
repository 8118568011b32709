// widgets/src sha256 6901bd1843e361ed204082ef37840d7a474d5abc5b9a5f1518b6f799804c4d19
var rt=`.fm-slider {
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
`;function I(n,e){let t=document.createElement("canvas");t.className="fm-canvas",t.setAttribute("role","img"),t.setAttribute("aria-label",e),n.append(t);let r=t.getContext("2d"),[o,s]=[0,0];return{canvas:t,context:r,get width(){return o},get height(){return s},fit(a){let i=globalThis.devicePixelRatio||1,l=Math.max(200,Math.floor(n.clientWidth)),m=l!==o||a!==s||t.width!==Math.round(l*i);return m&&([o,s]=[l,a],t.width=Math.round(l*i),t.height=Math.round(a*i),t.style.width=`${l}px`,t.style.height=`${a}px`),r.setTransform(i,0,0,i,0,0),m}}}var Q=class{canvas=document.createElement("canvas");context;image;constructor(){this.context=this.canvas.getContext("2d"),this.image=this.context.createImageData(1,1)}fill(e,t,r){(this.image.width!==e||this.image.height!==t)&&(this.canvas.width=e,this.canvas.height=t,this.image=this.context.createImageData(e,t));let o=new Uint32Array(this.image.data.buffer);for(let s=0;s<o.length;s++)o[s]=r(s);this.context.putImageData(this.image,0,0)}};var yn="440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",bn="00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";function ot(n){let e=n.split(" ").map(r=>Number.parseInt(r,16)),t=(r,o)=>r>>o&255;return Uint32Array.from({length:256},(r,o)=>{let s=o/255*(e.length-1),a=Math.min(Math.floor(s),e.length-2),i=l=>Math.round(t(e[a],l)*(a+1-s)+t(e[a+1],l)*(s-a));return K(i(16),i(8),i(0))})}function K(n,e,t,r=255){return(r<<24|t<<16|e<<8|n)>>>0}var J=ot(yn),H=ot(bn);function D(n,e){return n[Math.max(0,Math.min(255,Math.round(e*255)))]}function N(n){return`rgb(${n&255} ${n>>8&255} ${n>>16&255})`}var R={cache:"#009E73",partly:"#CC79A7",ssd:"#E69F00",unknown:"#999999",mark:"#0072B2"};function W(n){let e=getComputedStyle(n),t=r=>e.getPropertyValue(r).trim();return{dark:n.closest(".fm-dark")!==null,text:t("--fm-text"),faint:t("--fm-faint"),line:t("--fm-line"),paper:t("--fm-paper"),accent:t("--fm-accent"),font:e.fontFamily}}function gn(n,e,t){let r=n.findIndex(i=>t<=i);if(r<0)return e[e.length-1];if(r===0)return e[0];let[o,s]=[n[r-1],n[r]],a=Math.log(t/o)/Math.log(s/o);return e[r-1]*(1-a)+e[r]*a}function ae(n,e,t){let r=n.hit_rates[n.policies.indexOf(e)];return r?gn(n.capacities,r,t):Number.NaN}function pe(n,e){let[t,r]=[n.capacities[0],n.capacities[n.capacities.length-1]];return t*(r/t)**e}function Ee(n,e){let[t,r]=[n.capacities[0],n.capacities[n.capacities.length-1]];return r>t?Math.log(e/t)/Math.log(r/t):0}function he(n,e){return Math.round(e)*n.layers*n.expert_bytes}function st(n,e){return(1-e)*n.layers*n.top_k*n.expert_bytes}function ye(n,e,t,r){let o=n.cache_bytes_per_s===null?0:n.expert_bytes/n.cache_bytes_per_s*1e3,s=r+n.expert_bytes/t*1e3,a=e*o+(1-e)*s;return 1e3/(n.other_ms+n.layers*n.top_k*a)}function at(n,e){return n.ssd_read_ns===null?.025:Math.max(0,n.ssd_read_ns/1e6-n.expert_bytes/e*1e3)}function _(n){return n.toLocaleString("en")}function T(n){for(let[e,t]of[["TB",1e12],["GB",1e9],["MB",1e6],["kB",1e3]])if(n>=t)return`${G(n/t)} ${e}`;return`${n} B`}function $(n){return n>=1e3?`${G(n/1e3)} s`:n>=1?`${G(n)} ms`:`${G(n*1e3)} µs`}function S(n){return Number.isFinite(n)?`${(n*100).toFixed(1)} %`:"unknown"}function B(n){return n.replaceAll(`
`,"⏎").replaceAll("	","⇥").replaceAll(" ","␣")}function G(n){return n>=999.5?n.toFixed(0):n.toPrecision(3)}var[it,xn,lt,wn]=[52,14,20,34];function ct(n,e,t,r){let{context:o,width:s,height:a}=n,i=d=>ye(t,d,r.ssd,r.wait),l=Math.max(...t.hit_rates.flat(),t.realised??0),m=[{title:"hit rate",most:1,value:d=>d,text:d=>S(d).replace(".0","")},{title:"tokens a second",most:Sn(i(l)),value:i,text:d=>_(Number(d.toPrecision(2)))}],c=s>=700;o.clearRect(0,0,s,a),o.font=`11px ${e.font}`,m.forEach((d,f)=>{let h=c?s/2:s,y=c?a:a/2,[b,x]=[c?f*h:0,c?0:f*y],M={x:b+it,y:x+lt,width:h-it-xn,height:y-lt-wn};kn(o,e,t,d,M),vn(o,e,t,d,M,r)})}function kn(n,e,t,r,o){n.fillStyle=e.text,n.textAlign="left",n.textBaseline="alphabetic",n.fillText(r.title,o.x,o.y-7),n.fillStyle=e.faint,n.strokeStyle=e.line,n.lineWidth=1,n.textAlign="right",n.textBaseline="middle";for(let s of[0,.25,.5,.75,1]){let a=Math.round(o.y+o.height*(1-s))+.5;$e(n,o.x,a,o.x+o.width,a),n.fillText(r.text(s*r.most),o.x-6,a)}n.textBaseline="top";for(let s of[0,.25,.5,.75,1]){let a=pe(t,s),i=o.x+o.width*s;n.textAlign=s===0?"left":s===1?"right":"center",n.fillText(T(he(t,a)),i,o.y+o.height+5),n.fillText(`${Math.round(a)}/layer`,i,o.y+o.height+18)}}function vn(n,e,t,r,o,{chosen:s,capacity:a,colours:i}){let l=c=>o.y+o.height*(1-Math.min(1,r.value(c)/r.most)),m=o.x+o.width*Ee(t,a);n.strokeStyle=e.accent,$e(n,m,o.y,m,o.y+o.height);for(let c of s){let d=t.hit_rates[t.policies.indexOf(c)];n.strokeStyle=n.fillStyle=i[c]??e.text,n.lineWidth=2,n.setLineDash(c==="belady"?[6,3]:[]),n.beginPath(),t.capacities.forEach((f,h)=>{n.lineTo(o.x+o.width*Ee(t,f),l(d[h]))}),n.stroke(),n.setLineDash([]),n.beginPath(),n.arc(m,l(ae(t,c,a)),3.5,0,2*Math.PI),n.fill()}t.realised!==null&&(n.strokeStyle=e.text,n.fillStyle=e.text,n.lineWidth=1,n.setLineDash([2,3]),$e(n,o.x,l(t.realised),o.x+o.width,l(t.realised)),n.setLineDash([]),n.textAlign="left",n.textBaseline="bottom",n.fillText("realised",o.x+4,l(t.realised)-1<o.y+12?l(t.realised)+14:l(t.realised)-1))}function $e(n,e,t,r,o){n.beginPath(),n.moveTo(e,t),n.lineTo(r,o),n.stroke()}function Sn(n){let e=10**Math.floor(Math.log10(n));return([1,2,4,8,10].find(t=>t*e>=n)??10)*e}function u(n,e,t={},...r){let o=document.createElement(n);e&&(o.className=e);for(let[s,a]of Object.entries(t))o.setAttribute(s,a);return o.append(...r),o}function v(n,e,t,r){let o=u("button","",{type:"button","data-name":n,title:t},e);return o.addEventListener("click",r),o}function w(n,e){n.textContent!==e&&(n.textContent=e)}function ee(n,e,t){let r=u("span","fm-group",{role:"radiogroup","aria-label":n}),o=e.map(([s,a,i])=>{let l=v(s,a,i,()=>t(s));return l.setAttribute("role","radio"),r.append(l),l});return{el:r,show(s){for(let a of o)a.setAttribute("aria-checked",String(a.dataset.name===s))}}}async function dt(n){let{width:e,height:t}=n.getBoundingClientRect();if(e<1||t<1)return null;let r=n.cloneNode(!0),[o,s]=[n.querySelectorAll("canvas"),r.querySelectorAll("canvas")];o.forEach((l,m)=>{if(l.hidden){s[m].remove();return}let c=new Image;c.src=l.toDataURL(),c.setAttribute("style",`${l.getAttribute("style")};display:block`),s[m].replaceWith(c)}),Mn(n,r),Rn(n,r);let a=new XMLSerializer().serializeToString(r),i=`<svg xmlns="http://www.w3.org/2000/svg" width="${e}" height="${t}"><foreignObject width="100%" height="100%">${a}</foreignObject></svg>`;try{return await Tn(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(i)}`,e,t)}catch{return null}}function Mn(n,e){let t=e.querySelectorAll("input");n.querySelectorAll("input").forEach((s,a)=>{t[a].setAttribute("value",s.value),t[a].toggleAttribute("checked",s.checked)});let r=e.querySelectorAll("textarea");n.querySelectorAll("textarea").forEach((s,a)=>{r[a].textContent=s.value});let o=e.querySelectorAll("select");n.querySelectorAll("select").forEach((s,a)=>{[...o[a].options].forEach((i,l)=>{i.toggleAttribute("selected",l===s.selectedIndex)})})}function Rn(n,e){let t=getComputedStyle(n);for(let r of["text","faint","line","paper","raised","accent","warn","error"])e.style.setProperty(`--fm-${r}`,t.getPropertyValue(`--fm-${r}`));e.style.font=t.font}async function Tn(n,e,t){let r=new Image;r.src=n,await r.decode();let o=document.createElement("canvas");o.width=Math.round(e),o.height=Math.round(t),o.getContext("2d").drawImage(r,0,0);let s=await new Promise(a=>o.toBlob(a,"image/png"));return s?s.arrayBuffer():null}function mt(n,e,t){if(n.ctrlKey||n.metaKey||n.altKey)return!1;let r=n.target,o=r.closest("input, select, textarea")!==null;if(n.key==="Escape")e.select({layer:-1,expert:-1,token:-1,following:!0});else{if(o)return!1;if(n.key==="ArrowLeft"||n.key==="ArrowRight")En(e,n.key==="ArrowRight"?1:-1);else if(n.key==="ArrowUp"||n.key==="ArrowDown"){if(_n(r))return!1;$n(e,n.key==="ArrowDown"?1:-1)}else if(n.key===" "&&!r.closest("button"))t("toggle");else return!1}return!0}function _n(n){let e=n.closest('[tabindex="0"]:not(.fm-root)');return e!==null&&e.scrollHeight>e.clientHeight}function En(n,e){let t=Math.max(0,Math.min(n.tokens-1,n.shownToken+e));n.tokens&&n.select({token:t,following:!1})}function $n(n,e){let t=n.facts?.sparse_layers??[];if(t.length===0)return;let r=n.layerRow(n.selection.layer),o=r<0?e>0?0:t.length-1:Math.max(0,Math.min(t.length-1,r+e));n.select({layer:t[o],expert:-1})}var ut="fm-page",ft;function pt(n){ft=n,queueMicrotask(()=>{ft===n&&An(n)})}function An(n){let e=document.getElementById(ut),t=document.getElementById(`${ut}-data`);if(!e||!t)return;let{traits:r,run:o}=JSON.parse(t.textContent??"{}"),s=n(),a=Cn({...r,run:Ln(o)});s.initialize({model:a}),s.render({model:a,el:e})}function Ln(n){return new DataView(Uint8Array.from(atob(n),e=>e.charCodeAt(0)).buffer)}function Cn(n){return{get:e=>n[e],set:(e,t)=>{n[e]=t},save_changes:()=>{},send:()=>{},on:()=>{}}}var ie=class{constructor(e,t,r=96e6){this.width=t;this.mostBytes=r;this.data=e}width;mostBytes;first=0;end=0;data;has(e){return e>=this.first&&e<this.end}at(e,t=0){return this.has(e)?this.data[(e-this.first)*this.width+t]:Number.NaN}rows(e,t=e+1){let r=Math.max(e,this.first)-this.first,o=Math.min(t,this.end)-this.first;return this.data.subarray(r*this.width,Math.max(r,o)*this.width)}append(e,t){let r=Math.max(0,this.end-e),o=this.width?t.length/this.width:0;e>this.end&&(this.first=this.end=e);let s=t.subarray(r*this.width);s.length!==0&&(this.reserve(s.length),this.data.set(s,(this.end-this.first)*this.width),this.end=e+o)}reserve(e){let t=(this.end-this.first)*this.width;if(t+e<=this.data.length)return;let r=this.data.subarray(0,t);if((t+e)*this.data.BYTES_PER_ELEMENT>this.mostBytes&&this.width>1){let o=Math.floor((this.end-this.first)/2);this.data=this.grown(r.subarray(o*this.width),e),this.first+=o}else this.data=this.grown(r,Math.max(e,t))}grown(e,t){let r=this.data.constructor,o=new r(e.length+t);return o.set(e),o}};var be={PAGE_CACHE:0,PARTLY:1,SSD:2,INFERRED_PAGE_CACHE:3,INFERRED_SSD:4},te=["page cache","partly page cache","SSD","page cache, inferred from its time","SSD, inferred from its time"],X=[R.cache,R.partly,R.ssd,R.cache,R.ssd];function ht(n){return n.source===be.PARTLY?n.before:n.source===be.PAGE_CACHE||n.source===be.INFERRED_PAGE_CACHE?1:0}function Ae(n){return n>=be.INFERRED_PAGE_CACHE}function Le(n,e){let[t,r]=n.readsOf(e);return Array.from({length:Math.max(0,r-t)},(o,s)=>On(n,t+s))}function On(n,e){let t=r=>n.column(`read_${r}`).at(e);return{row:e,layer:t("layer"),expert:t("expert"),thread:t("thread"),bytes:t("bytes"),start:t("start_ms"),end:t("end_ms"),before:t("resident_fraction_before"),source:t("source")}}function Nn(n,e){let t=r=>Pn(r.map(o=>[o.start,o.end]));return{reads:n.length,bytes:n.reduce((r,o)=>r+o.bytes,0),hitBytes:n.reduce((r,o)=>r+o.bytes*ht(o),0),inferred:n.some(r=>Ae(r.source)),readMs:t(n),ssdMs:t(n.filter(r=>ht(r)<1)),passMs:e}}function yt(n){let e=t=>n.reduce((r,o)=>r+o[t],0);return{reads:e("reads"),bytes:e("bytes"),hitBytes:e("hitBytes"),inferred:n.some(t=>t.inferred),readMs:e("readMs"),ssdMs:e("ssdMs"),passMs:e("passMs")}}function Pn(n){let[e,t]=[0,Number.NEGATIVE_INFINITY];for(let[r,o]of[...n].sort((s,a)=>s[0]-a[0]))e+=Math.max(0,o-Math.max(r,t)),t=Math.max(t,o);return e}var ge=class{constructor(e){this.store=e}store;run="";known=new Map;of(e){let t=this.store.place?.run??"";t!==this.run&&this.known.clear(),this.run=t;let r=this.store.column("pass_start").at(e),o=this.known.get(r);if(o)return o;let s=this.store.column("end_ms").at(e)-this.store.column("start_ms").at(e),a=Nn(Le(this.store,e),s);return a.reads>0&&this.known.set(r,a),a}recent(e,t){let r=[];for(let o=e;o>=0&&r.length<t;o--)this.store.column("phase").at(o)===F&&r.push(this.of(o));return r.reverse()}},F=1;var L=255,le=class{facts=null;place=null;tokens=0;reads=0;countsBefore=new Uint32Array(0);residency=new Uint8Array(0);selection={token:-1,layer:-1,expert:-1,following:!0};connected=!1;error="";received={messages:0,rows:0,snapshots:0};sums=new ge(this);columns=new Map;listeners=new Set;handlers=new Map;kept=new Map;column(e){let t=this.columns.get(e);return t||(t=new ie(new Float32Array(0),1),this.columns.set(e,t)),t}get routedFirst(){return this.column("expert_ids").first}get keptExperts(){return this.column("expert_ids").width/Math.max(1,this.facts?.sparse_layers.length??1)}chosen(e,t){let r=this.keptExperts,o=this.column("expert_ids").rows(e).subarray(t*r,(t+1)*r),s=0;for(;s<o.length&&o[s]<this.facts.num_experts;)s++;return o.subarray(0,s)}get shownToken(){let{token:e,following:t}=this.selection;return t||e<0||e>=this.tokens?this.tokens-1:e}layerRow(e){return this.facts?this.facts.sparse_layers.indexOf(e):-1}text(e,t=e+1){let r=this.column("text_start").at(e),o=this.column("text_end").at(Math.min(t,this.tokens)-1);return Number.isNaN(r+o)?"":new TextDecoder().decode(this.column("text").rows(r,o))}readsOf(e){let t=this.column("pass_start").at(e),r=this.column("read_token");return[ce(r,t),ce(r,t+1)]}apply(e){let t=JSON.parse(e.metadata.place);if(t.run!==this.place?.run){if(!e.metadata.facts)return"gap";this.reset(JSON.parse(e.metadata.facts))}else if(t.token_row>this.tokens)return"gap";let r=e.tensors.get("token_id")?.shape[0]??0,o=t.complete!==this.place?.complete;this.place=t;let s=this.tokens;return(t.token_row+r>this.tokens||o||r===0)&&this.take(e,t,r),this.changed(),this.tokens>s||o?"applied":"nothing new"}setResidency(e,t){let r=this.layerRow(e);r<0||!this.facts||(this.residency.set(t,r*this.facts.num_experts),this.changed())}select(e){let t={...this.selection,...e};Object.keys(t).every(o=>t[o]===this.selection[o])||(Object.assign(this.selection,e),this.changed())}onChange(e){return this.listeners.add(e),()=>this.listeners.delete(e)}changed(){for(let e of this.listeners)e()}onPart(e,t){let r=this.handlers.get(e)??new Set;this.handlers.set(e,r.add(t));let o=this.kept.get(e);return o&&t(o,[]),()=>r.delete(t)}keeps(e){return this.kept.has(e)}keep(e){this.kept.set(e.kind,e),this.hand(e,[])}hand(e,t){for(let r of this.handlers.get(e.kind)??[])r(e,t);this.changed()}reset(e){let t=e.sparse_layers.length*e.num_experts;this.facts=e,this.place=null,this.tokens=this.reads=0,this.columns=new Map,this.countsBefore=new Uint32Array(t),this.residency=new Uint8Array(t).fill(L),this.error=""}take(e,t,r){let o=e.tensors.get("counts_before");o&&t.routed_row>this.column("expert_ids").end&&this.countsBefore.set(o.values);for(let[s,a]of e.tensors)s!=="counts_before"&&(this.column(s).end===0&&this.columns.set(s,Dn(a)),this.put(s,Un(s,t),a.values));this.tokens=Math.max(this.tokens,t.token_row+r),this.reads=this.column("read_token").end}put(e,t,r){let o=this.column(e);if(e!=="expert_ids"){o.append(t,r);return}let[s,a]=[o.first,o.rows(o.first,o.end)];o.append(t,r),o.first>s&&o.first<t&&this.count(a.subarray(0,(o.first-s)*o.width))}count(e){let{num_experts:t,sparse_layers:r}=this.facts;for(let o=0;o<e.length;o++){let s=Math.floor(o/this.keptExperts)%r.length;e[o]<t&&this.countsBefore[s*t+e[o]]++}}},Hn=new Set(["expert_ids","routing_weights","router_entropy","kept_mass","router_margin"]);function Un(n,e){return n==="text"?e.text_byte:n.startsWith("read_")?e.read_row:n.startsWith("patch_")?e.patch_row:Hn.has(n)||n.startsWith("layer_")?e.routed_row:e.token_row}function Dn(n){let e=n.shape.slice(1).reduce((t,r)=>t*r,1);return new ie(n.values.slice(0,0),e)}function ce(n,e){let[t,r]=[n.first,n.end];for(;t<r;){let o=t+r>>1;n.at(o)<e?t=o+1:r=o}return t}var bt=`.fm-root {
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
`;var gt={F64:Float64Array,F32:Float32Array,I32:Int32Array,I16:Int16Array,U32:Uint32Array,U16:Uint16Array,U8:Uint8Array};function Ce(n){let e=Number(n.getBigUint64(0,!0)),t=new TextDecoder().decode(new Uint8Array(n.buffer,n.byteOffset+8,e)),r=JSON.parse(t),o=r.__metadata__??{},s=n.byteOffset+8+e,a=new Map;for(let[i,{dtype:l,shape:m,data_offsets:c}]of Object.entries(r)){if(i==="__metadata__")continue;let d=gt[l];if(!d)throw new Error(`array "${i}" has the type ${l}, expected one of ${Object.keys(gt).join(", ")}`);let f=new d(n.buffer.slice(s+c[0],s+c[1]));a.set(i,{shape:m,values:f})}return{metadata:o,tensors:a}}var Oe=["token","layer","expert","following"],de=class{constructor(e,t){this.model=e;this.store=t;e.on("msg:custom",(r,o)=>this.receive(r,o)),e.on("change:run",()=>this.load()),e.on("change:state",()=>this.kept());for(let r of Oe)e.on(`change:${r}`,()=>this.selected([r]));e.on("comm_live_update",()=>this.gone()),this.load(),this.kept(),this.selected(Oe),t.onChange(()=>this.publish()),this.ask()}model;store;painted={token:-1,frames:0,latencies:[]};asked=!1;seq=0;toldPainted=-1;send=(e,t={})=>{this.tell({kind:"command",name:e,args:t})};picture(e){this.tell({kind:"picture"},[e])}tell(e,t=[]){if(this.store.connected)try{this.model.send(e,void 0,t)}catch{this.gone()}}receive(e,t){if(e?.parts===void 0)return;this.store.connected=!0;let r=0;for(let o of e.parts){let s=t.slice(r,r+o.n_buffers);r+=o.n_buffers,o.kind==="rows"?this.rows(s[0]):o.kind==="residency"?this.store.setResidency(o.layer,In(s[0])):this.other(o,s)}this.store.received.messages++,this.seq=e.seq,this.acknowledge()}settle(){this.painted.token!==this.toldPainted&&this.acknowledge()}acknowledge(){let{token:e,frames:t,latencies:r}=this.painted;this.toldPainted=e,this.tell({kind:"ack",seq:this.seq,painted:e,frames:t,latencies:r.splice(0)})}rows(e){let t=this.store.tokens;this.store.apply(Ce(e))==="gap"?this.ask():this.asked=!1,this.store.received.rows+=Math.max(0,this.store.tokens-t)}other(e,t){e.kind==="hello"&&(this.asked=!1),e.kind==="error"&&(this.store.error=String(e.text)),this.store.hand(e,t)}load(){let e=this.model.get("run");!e||e.byteLength===0||this.store.apply(Ce(e))==="applied"&&this.store.received.snapshots++}kept(){for(let e of Object.values(this.model.get("state")??{}))this.store.keep(e)}ask(){this.asked||(this.asked=!0,this.model.send({kind:"snapshot?",run:this.store.place?.run??"",tokens:this.store.tokens}))}selected(e){let t=Object.fromEntries(e.map(r=>[r,this.model.get(r)]));this.store.select(t)}publish(){let{model:e,store:t}=this,r=Oe.filter(o=>e.get(o)!==t.selection[o]);for(let o of r)e.set(o,t.selection[o]);r.length&&e.save_changes()}gone(){this.store.connected=!1,this.store.changed()}};function In(n){return new Uint8Array(n.buffer,n.byteOffset,n.byteLength)}var Fn=1500,Bn=150,zn=navigator.hardwareConcurrency<=4?30:0;function U(n){let e=()=>{let t;return{initialize({model:r}){t=new de(r,new le)},render({model:r,el:o}){return t??=new de(r,new le),Wn(n,o,t)}}};return pt(e),e}function Wn(n,e,t){let{store:r,send:o}=t,s=n.ready??(p=>p.facts!==null),a=jn(n,s);e.append(a.root);let i=n.make(a.body,r,o),l=!0,[m,c,d,f]=[0,0,0,0],h=()=>{m||=requestAnimationFrame(b)},y=()=>{l=!0,h()},b=p=>{if(m=0,p-c<zn){h();return}a.show(r);let g=l;l=!1,s(r)&&i.draw(p,g)&&h(),Yn(t),c=p,f||=setTimeout(x,Bn),clearTimeout(d),d=setTimeout(M,Fn)},x=()=>{f=0,a.status(t)},M=async()=>{if(t.settle(),!s(r)||!r.connected||document.hidden||c===0)return;let p=await dt(a.root);p&&t.picture(p)},k=[r.onChange(y),Kn(a.root,y),qn(a.root,y)];return a.root.addEventListener("keydown",p=>{mt(p,r,o)&&(p.preventDefault(),p.stopPropagation())}),h(),()=>{for(let p of k)p();cancelAnimationFrame(m),clearTimeout(d),clearTimeout(f),i.destroy(),a.root.remove()}}function Yn({store:n,painted:e}){e.frames++;let t=n.tokens-1;if(t===e.token)return;e.token=t;let r=Date.now()-(n.place.epoch_ms+n.column("end_ms").at(t));t>=0&&!n.place.complete&&e.latencies.length<100&&e.latencies.push(Math.round(r*10)/10)}function jn(n,e){let t=u("style","",{},bt),r=u("span","fm-of"),o=u("div","fm-head",{},u("span","fm-name",{},n.name),r),s=u("div","fm-body"),a=u("div","fm-empty",{},"Nothing to show yet. ",u("code","",{},n.hint)),i=u("div","fm-error",{role:"alert"}),l=u("div","fm-status"),m=u("div","fm-root",{role:"group","aria-label":n.name,tabindex:"0"});return m.append(t,o,s,a,i,l),{root:m,body:s,show(c){s.hidden=!e(c),a.hidden=e(c),w(r,c.facts?Gn(c):""),w(i,c.error),i.hidden=c.error===""},status({store:c,painted:d}){let{messages:f,rows:h,snapshots:y}=c.received;Object.assign(l.dataset,{tokens:c.tokens,painted:d.token,frames:d.frames}),Object.assign(l.dataset,{messages:f,rows:h,snapshots:y,connected:c.connected,shown:c.shownToken}),w(l,c.facts?Xn(c,d.token):"")}}}function Gn(n){let e=n.place?.complete?"recorded":"recording";return`${n.facts.label} · ${e} · ${n.facts.machine}`}function Xn(n,e){let{messages:t,rows:r}=n.received,o=`${_(n.tokens)} tokens, ${_(n.reads)} reads, newest painted: ${e<0?"none":e}`,s=t>1&&r>0?` · ${_(r)} live in ${_(t)} messages`:"",a=n.routedFirst,i=a>0?` · routing from token ${_(a)} on (${S(1-a/n.tokens)})`:"",l=t===0?"":" · no kernel: what it sent last";return o+s+i+(n.connected?"":l)}function qn(n,e){let t=new ResizeObserver(e);return t.observe(n),()=>t.disconnect()}function Kn(n,e){let t=matchMedia("(prefers-color-scheme: dark)"),r=()=>{let s=getComputedStyle(n).getPropertyValue("--jp-ui-font-color1")!=="";n.classList.toggle("fm-plain",!s),n.classList.toggle("fm-dark",s?Jn(n):t.matches),e()},o=new MutationObserver(r);return o.observe(document.body,{attributes:!0}),t.addEventListener("change",r),requestAnimationFrame(r),()=>{o.disconnect(),t.removeEventListener("change",r)}}function Jn(n){let[e,t,r]=(getComputedStyle(n).backgroundColor.match(/[\d.]+/g)??["255","255","255"]).map(Number);return .299*e+.587*t+.114*r<128}var vt={lru:"LRU",lfu:"LFU",fifo:"FIFO",belady:"oracle (Belady)"},St={lru:R.mark,lfu:R.cache,fifo:R.partly,belady:R.ssd},Ne=(n,e,t)=>{let r=null,o="",s=new Set(["lru","lfu","belady"]),a=xt("size","Size of the cache"),i=xt("ssd","Speed of the SSD");[a.value,i.value]=["0.6","0.5"];let l=u("input","",{type:"number",min:"0",step:"any","data-name":"latency"});l.setAttribute("aria-label","Microseconds a miss waits beside its bytes");let m=v("replay","Replay","Replay the tokens decoded so far",()=>t("replay")),c=u("output","fm-value",{"data-name":"size_text"}),d=u("output","fm-value",{"data-name":"ssd_text"}),f=u("span","fm-row"),h=u("table","",{"data-name":"table"}),y=u("div","fm-says",{"data-name":"says"}),b=u("div",""),x=u("div","fm-row",{},u("label","",{},"Cache ",a," ",c));x.append(u("label","",{},"SSD ",i," ",d),u("label","",{},l," µs a miss"),m),n.append(u("style","",{},rt),x,f,b,h,y);let M=I(b,"Hit rate and tokens a second over the size of the cache");for(let p of[a,i,l])p.addEventListener("input",()=>e.changed());let k=e.onPart("cache_sim",p=>{let g=r===null;o=String(p.note??""),r=p.sim??null,r&&(g&&(l.value=String(Number((at(r,wt(i))*1e3).toPrecision(2)))),f.replaceChildren(...r.policies.map(E=>Zn(E,s,()=>e.changed()))))});return{draw(){if(m.disabled=!e.connected,n.classList.toggle("fm-without",r===null),w(y,r?er(r,o):o||"Not replayed yet."),!r)return;let p=pe(r,Number(a.value)),g=wt(i),E=Math.max(0,Number(l.value)||0)/1e3;w(c,`${T(he(r,p))} = ${Math.round(p)} experts a layer`),w(d,`${T(g)}/s`),Object.assign(n.dataset,{capacity:Math.round(p),ssd:g}),M.fit(b.clientWidth<700?380:240);let A=r.policies.filter(P=>s.has(P));ct(M,W(n),r,{chosen:A,capacity:p,ssd:g,wait:E,colours:St}),h.replaceChildren(...Qn(r,p,g,E))},destroy:k}};function xt(n,e){let t=u("input","fm-slider",{type:"range",min:"0",max:"1",step:"0.002","data-name":n});return t.setAttribute("aria-label",e),t}function wt(n){return 5e7*1e3**Number(n.value)}function Zn(n,e,t){let r=u("input","",{type:"checkbox","data-name":`policy_${n}`});r.checked=e.has(n),r.addEventListener("change",()=>{r.checked?e.add(n):e.delete(n),t()});let o=u("i","fm-stroke");return o.style.background=St[n]??R.unknown,u("label","",{},r," ",o,vt[n]??n)}function Qn(n,e,t,r){let o=ae(n,"belady",e),a=[u("tr","",{},...["at this size","hit rate","of the oracle's","from SSD a token","tokens/s"].map(i=>u("th","",{},i)))];for(let i of n.policies){let l=ae(n,i,e);a.push(kt(i,vt[i]??i,n,l,o,t,r))}return n.realised!==null&&a.push(kt("realised","realised (page cache)",n,n.realised,o,t,r)),a}function kt(n,e,t,r,o,s,a){let l=[S(r),n==="realised"?"":S(o>0?r/o:1),T(Math.round(st(t,r))),G(ye(t,r,s,a))].map(m=>u("td","",{},m));return u("tr","",{"data-policy":n},u("th","",{scope:"row"},e),...l)}function er(n,e){let t=n.hit_rates[n.policies.indexOf("belady")]?.at(-1)??1,r=n.realised===null?"What the page cache really held was not measured.":`The page cache really held ${S(n.realised)} of the bytes (later half of the run; unlike a replay it may not have been empty at the start).`;return`${n.tokens} decoded tokens replayed after ${n.warmup} that filled the cache; a cache is per layer, all of one size. No cache hits more than ${S(t)}: the rest are first uses. ${r} Tokens/s: this run's time beside reads, and every miss in turn.${e?` ${e}`:""}`}var rs=U({name:"CacheSim",hint:"CacheSim(session), or CacheSim(fm.load_trace(path))",make:Ne});var Mt=`.fm-dash {
  container-type: inline-size;
}
.fm-dash-grid {
  display: grid;
  grid-template-columns: minmax(0, 1fr);
  gap: 8px 10px;
}
@container (min-width: 1080px) {
  .fm-dash-grid {
    grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
  }
  .fm-dash .fm-chain,
  .fm-dash .fm-recorded [data-panel="play"],
  .fm-dash .fm-recorded [data-panel="tokens"] {
    grid-column: 1 / -1;
  }
}
.fm-dash .fm-panel {
  border: 1px solid var(--fm-line);
  border-radius: 3px;
  min-width: 0;
}
.fm-dash .fm-panel-body {
  position: relative;
  padding: 2px 8px 6px;
}
.fm-dash .fm-closed {
  align-self: start;
}
.fm-dash [data-panel="play"],
.fm-dash .fm-live:not([hidden]),
.fm-dash .fm-player,
.fm-dash .fm-player > div:first-child {
  display: flex;
  flex-direction: column;
  flex: 1 1 auto;
}
.fm-dash [data-panel="play"] {
  padding: 4px 8px;
}
.fm-dash .fm-player > div:first-child > .fm-row:first-child {
  flex: 1 1 auto;
  align-items: stretch;
}
.fm-dash button.fm-panel-head {
  display: flex;
  gap: 8px;
  align-items: baseline;
  width: 100%;
  padding: 3px 8px;
  border: 0;
  border-bottom: 1px solid var(--fm-line);
  border-radius: 2px 2px 0 0;
  text-align: left;
}
.fm-dash .fm-closed button.fm-panel-head {
  border-bottom: 0;
}
.fm-dash .fm-panel-head .fm-faint {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.fm-dash .fm-mark {
  width: 1em;
}
/* The strip of tokens shows the text already. */
.fm-dash .fm-player .fm-text {
  display: none;
}
.fm-dash .fm-player textarea {
  min-height: 3.6em;
}
.fm-dash .fm-playback input {
  width: 64px;
}
.fm-dash .fm-strip {
  height: 104px;
  max-height: none;
  margin-bottom: 4px;
  resize: vertical;
}
.fm-dash [data-panel="reads"] .fm-swatch {
  outline: 0;
  margin-right: 4px;
}
.fm-dash .fm-chain {
  display: grid;
  grid-template-columns: repeat(4, minmax(0, 1fr));
  gap: 0 14px;
}
@container (max-width: 899px) {
  .fm-dash .fm-chain {
    grid-template-columns: repeat(2, minmax(0, 1fr));
    gap: 4px 14px;
  }
}
.fm-dash button.fm-link {
  position: relative;
  display: block;
  padding: 1px 0 1px 10px;
  border: 0;
  border-left: 3px solid var(--fm-line);
  border-radius: 0;
  background: none;
  text-align: left;
  min-width: 0;
}
.fm-dash button.fm-link:hover {
  border-left-color: var(--fm-accent);
}
.fm-dash .fm-link-title {
  display: block;
  color: var(--fm-faint);
  font-size: 11px;
}
.fm-dash .fm-link-text {
  display: block;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}
`;var ne=class{counts=new Uint32Array(0);lastToken=new Int32Array(0);lastRead=new Int32Array(0);next=0;run="";upTo(e,t){let r=e.place?.run??"",o=e.routedFirst>this.next;if((r!==this.run||o||t+1<this.next)&&this.restart(e,r),t<this.next)return;let s=Math.max(this.next,e.routedFirst);this.choose(e,s,t),this.read(e,this.next,t),this.next=t+1}restart(e,t){this.run=t,this.next=0,this.counts=Uint32Array.from(e.countsBefore),this.lastToken=new Int32Array(this.counts.length).fill(-1),this.lastRead=new Int32Array(this.counts.length).fill(-1)}choose(e,t,r){let o=e.facts.num_experts,s=e.column("expert_ids"),a=e.keptExperts;for(let i=t;i<=r;i++){let l=s.rows(i);for(let m=0;m<l.length;m++){if(l[m]>=o)continue;let c=Math.floor(m/a)*o+l[m];this.counts[c]++,this.lastToken[c]=i}}}read(e,t,r){let o=e.facts.num_experts,[s,a]=[e.column("read_layer"),e.column("read_expert")],i=Math.max(e.readsOf(t)[0],s.first),l=e.readsOf(r)[1];for(let m=i;m<l;m++){let c=e.layerRow(s.at(m));c>=0&&(this.lastRead[c*o+a.at(m)]=m)}}};function xe(n,e){if(!n.column("expert_ids").has(e-1))return null;let[t,r]=[0,0];for(let o of n.facts.sparse_layers.keys()){let[s,a]=[n.chosen(e,o),n.chosen(e-1,o)];t+=s.length;for(let i of s)a.indexOf(i)>=0&&r++}return{chosen:t,again:r}}function Rt(n,e,t){let{sparse_layers:r,num_experts:o}=n.facts,s=new Float32Array(r.length*o),a=n.column("expert_ids"),i=n.keptExperts;for(let l=Math.max(a.first,e-28);l<e;l++){let m=a.rows(l),c=t**(e-l);for(let d=0;d<m.length;d++)m[d]<o&&(s[Math.floor(d/i)*o+m[d]]+=c)}return s}var O=254;function Tt(n,e){let t=n.facts,r=new Uint8Array(t.sparse_layers.length*t.num_experts).fill(L);if(!t.residency_per_expert)return{shares:r,swept:!1};e.upTo(n,n.shownToken);let o=n.column("read_resident_fraction_before");for(let[s,a]of e.lastRead.entries()){let i=a===-1?Number.NaN:o.at(a);Number.isNaN(i)||(r[s]=nr(i))}return{shares:r,swept:!1}}function nr(n){return n<=0?0:n>=1?O:Math.max(1,Math.min(O-1,Math.round(n*O)))}function oe(n,e){let t=0;for(let r of n)r!==L&&(t+=r);return Math.round(t/O*e)}function me(n){let e=0;for(let t of n)e+=t===L?0:1;return e}function _t(n){return n===L?"unknown":n===0?"not resident":n===O?"resident":`${S(n/O)} of its pages resident`}var rr=[["tokens","Token"],["router","Choices"],["reads","Reads"],["cache","Page cache"]];function $t(n,e){let t=u("div","fm-chain",{role:"group","aria-label":"The token that is shown"}),r=rr.map(([o,s])=>{let a=u("span","fm-link-text"),i=u("button","fm-link",{type:"button","data-name":`link_${o}`,title:`Show ${s}`});return i.append(u("span","fm-link-title",{},s),a),i.addEventListener("click",()=>e(o)),t.append(i),a});return{el:t,draw(){for(let[o,s]of or(n,n.sums).entries())w(r[o],s)},destroy:()=>{}}}function or(n,e){let t=n.shownToken;if(t<0)return["none yet","none yet","none yet",Et(n)];let r=n.column("phase").at(t)===F?"output":"prompt";return[`${_(t)} “${B(n.text(t))}” · ${r}`,sr(n,t),ar(e,t),Et(n)]}function sr(n,e){if(!n.column("expert_ids").has(e))return"older than what is kept here";let{sparse_layers:t,top_k:r}=n.facts,o=`${r} × ${t.length} layers`,s=xe(n,e);return s?`${o} · ${s.again} of ${s.chosen} again`:o}function ar(n,e){let t=n.of(e);return t.reads===0?"none here":`${T(t.bytes)} in ${$(t.readMs)} · ${S(t.hitBytes/t.bytes)} hits`}function Et(n){let e=n.facts;if(!e.residency_per_expert)return"experts share pages";let t=e.expert_bytes*n.residency.length;if(me(n.residency)>0){let r=oe(n.residency,e.expert_bytes);return`${T(r)} of ${T(t)} · ${S(r/t)}`}return"as the reads found it"}var At=10;function Lt(n,e,t){let r=!1,o=0,s=()=>{r=!r,r&&t.shownToken>=t.tokens-1&&Pe(t,0),t.changed()},a=x=>{r=!1,Pe(t,t.shownToken+x)},i=v("replay_play","▶ replay","Go through the tokens (space)",s),l=v("replay_back","◂ back","One token back (left)",()=>a(-1)),m=v("replay_step","▸ step","One token on (right)",()=>a(1)),c=v("replay_start","|◂ start","To the first token",()=>a(-t.tokens)),d=u("input","",{type:"number",min:"0.5",step:"any",value:String(At)});d.dataset.name="replay_speed";let f=u("span","fm-faint",{"data-name":"replay_says",role:"status"}),h=u("label","",{},d," tokens/s");n.append(u("div","fm-row fm-playback",{role:"toolbar","aria-label":"replay"},i,l,m,c,h,f));let y=x=>{let M=x.target;!b.enabled||x.key!==" "||M.closest("button, input, select, textarea")||(s(),x.preventDefault(),x.stopImmediatePropagation())};e.addEventListener("keydown",y,{capture:!0});let b={enabled:!1,draw(x){r&&x-o>=1e3/ir(d)&&(o=x,t.shownToken<t.tokens-1?Pe(t,t.shownToken+1):r=!1),w(i,r?"❚❚ pause":"▶ replay");let M=t.place?.complete?"a recorded run":"played elsewhere";return w(f,`${M} · token ${_(t.shownToken+1)} of ${_(t.tokens)}`),l.disabled=c.disabled=t.shownToken<=0,m.disabled=t.shownToken>=t.tokens-1,r},destroy:()=>e.removeEventListener("keydown",y,{capture:!0})};return b}function Pe(n,e){n.select({token:Math.max(0,Math.min(n.tokens-1,e)),following:!1})}function ir(n){let e=Number(n.value);return e>0?e:At}function Ct(n,e){let t=-1,r=v("evict_layer","","Drop this layer's experts from the page cache",()=>e("evict",{layer:t})),o=v("evict_all","Evict all …","Drop every expert from the page cache; asks first",()=>{c.hidden=!1,l.focus()}),s=v("warm_layer","","Read this layer's experts into the page cache",()=>e("warm",{layer:t})),a=v("warm_all","Warm all","Read every expert into the page cache, as far as it fits",()=>e("warm")),i=u("span",""),l=v("evict_sure","Evict all","Drop every expert",()=>{c.hidden=!0,e("evict")}),m=v("evict_keep","Keep","Leave the page cache as it is",()=>{c.hidden=!0,o.focus()}),c=u("div","fm-row fm-banner",{role:"alertdialog","data-name":"question"},i,l,m);c.hidden=!0;let d=[r,o,s,a];return{buttons:d,question:c,draw(f,h,y){t=f;for(let p of[...d,l])p.disabled=y;for(let p of d)p.hidden=!h;h||(c.hidden=!0),w(r,`Evict layer ${f}`),w(s,`Warm layer ${f}`);let{expert_bytes:b,num_experts:x,sparse_layers:M}=n.facts,k=T(b*x*M.length);w(i,`Drop all experts (${k}) from the page cache? The next tokens read them from the SSD again.`)}}}var Ot=`.fm-legend {
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
`;var Y=46,Ht=54,Ut="#D55E00";function He(n,e,t,r=6){return{rows:n,experts:e,rowHeight:r,cell:Math.max(1,t-Y-Ht)/e}}function Ue(n,e,t){let[r,o]=[Math.floor((t-2)/n.rowHeight),Math.floor((e-Y)/n.cell)],s=r>=0&&r<n.rows;return[s?r:-1,s&&o>=0&&o<n.experts?o:-1]}function Dt(n,e,t,r,o,s,a){let{context:i,width:l,height:m}=n,{rowHeight:c,cell:d,experts:f}=r;i.clearRect(0,0,l,m),i.imageSmoothingEnabled=!1,i.font=`11px ${e.font}`,i.textBaseline="middle",t.facts.sparse_layers.forEach((h,y)=>{let b=2+y*c,x=c>9?2:.5;i.drawImage(o,0,y,f,1,Y,b,d*f,c-x),i.fillStyle=h===t.selection.layer?e.accent:e.faint,(c>=12||y%4===0)&&(i.textAlign="left",i.fillText(`L${h}`,4,b+c/2),i.textAlign="right",i.fillText(cr(s.subarray(y*f,(y+1)*f)),l-4,b+c/2)),h===t.selection.layer&&Nt(i,e.accent,Y-1,b-1,d*f+2,c);for(let M of a(y))Nt(i,Ut,Y+M*d,b,Math.max(2,d),c-x)})}function Nt(n,e,t,r,o,s){n.strokeStyle=e,n.lineWidth=1,n.strokeRect(t,r+.5,o,s-1)}function cr(n){let e=n.filter(t=>t!==L);return e.length===0?"?":`${(e.reduce((t,r)=>t+r,0)/e.length/O*100).toFixed(0)} %`}function we(n,e){let t=Math.max(1,e-Y-Ht),r=Math.min(22,Math.max(8,Math.floor(t/Math.ceil(n/12)))),o=Math.max(1,Math.floor(t/r));return{columns:o,size:r,height:Math.ceil(n/o)*r+2,experts:n}}function De(n,e,t){let r=Math.floor((e-Y)/n.size),o=Math.floor(t/n.size)*n.columns+r;return r>=0&&r<n.columns&&o>=0&&o<n.experts?o:-1}function Vt(n,e,t,r,o,s){let{context:a,width:i,height:l}=n,m=t.size-2;a.clearRect(0,0,i,l),r.forEach((c,d)=>{let f=Y+d%t.columns*t.size,h=Math.floor(d/t.columns)*t.size+1;if(a.fillStyle=c===L?e.line:N(D(H,0)),a.fillRect(f,h,m,m),c!==L&&c>0){let y=c/O*m;a.fillStyle=N(D(H,1)),a.fillRect(f,h+m-y,m,y)}}),a.lineWidth=Math.min(2,m/4);for(let c of o)Pt(a,t,c,Ut);s>=0&&s<t.experts&&Pt(a,t,s,e.accent)}function Pt(n,e,t,r){n.strokeStyle=r;let o=Y+t%e.columns*e.size,s=Math.floor(t/e.columns)*e.size+1;n.strokeRect(o-.5,s-.5,e.size-1,e.size-1)}var Ve=(n,e,t)=>{let r={state:"none",text:""},o=v("sweep","Pause","Stop asking the system, or go on",()=>t(r.state==="paused"?"resume":"pause")),s=Ct(e,t),a=u("div","fm-says",{"data-name":"says"}),i=u("div","fm-says",{"data-name":"detail"}),l=u("div","fm-tip");l.hidden=!0;let[m,c]=[u("div",""),u("div","")];n.append(u("style","",{},Ot),u("div","fm-row",{},...s.buttons,o),s.question),n.append(a,m,i,c,fr(),l);let d=I(m,"Share of every expert that the page cache holds, a row for each layer"),f=I(c,"The experts of one layer, filled as far as they are resident"),h=new Q,y=new ne,b=He(0,1,1),x={shares:e.residency,swept:!0},M=[e.onPart("sweep",p=>{r=p}),e.onPart("residency_seen",p=>{e.connected||dr(e,p.layers)})];d.canvas.addEventListener("click",p=>{let[g,E]=Ue(b,p.offsetX,p.offsetY);g>=0&&e.select({layer:e.facts.sparse_layers[g],expert:E})}),f.canvas.addEventListener("click",p=>{let g=De(we(e.facts.num_experts,f.width),p.offsetX,p.offsetY);g>=0&&e.select({layer:se(e),expert:g})});let k=(p,g,E,A)=>{if(l.hidden=p<0||g<0,l.hidden)return;let P=e.facts.sparse_layers[p],j=x.shares[p*e.facts.num_experts+g],fe=It(e,p).has(g)?`
chosen for this token`:"";w(l,`layer ${P}, expert ${g}
${_t(j)}${fe}`),l.style.left=`${Math.max(0,Math.min(E.offsetLeft+A.offsetX+14,n.clientWidth-190))}px`,l.style.top=`${E.offsetTop+A.offsetY+16}px`};d.canvas.addEventListener("pointermove",p=>{let[g,E]=Ue(b,p.offsetX,p.offsetY);k(g,E,m,p)}),f.canvas.addEventListener("pointermove",p=>{let g=De(we(e.facts.num_experts,f.width),p.offsetX,p.offsetY);k(e.layerRow(se(e)),g,c,p)});for(let p of[d,f])p.canvas.addEventListener("pointerleave",()=>{l.hidden=!0});return{draw(){let p=e.facts,g=W(n),E=g.dark?K(58,58,58):K(224,224,224);x=me(e.residency)>0?{shares:e.residency,swept:!0}:Tt(e,y);let A=Math.max(6,Math.min(22,Math.floor(360/p.sparse_layers.length)));d.fit(p.sparse_layers.length*A+4),b=He(p.sparse_layers.length,p.num_experts,d.width,A),h.fill(p.num_experts,p.sparse_layers.length,_e=>{let nt=x.shares[_e];return nt===L?E:D(H,nt/O)});let P=_e=>It(e,_e);Dt(d,g,e,b,h.canvas,x.shares,P);let j=e.layerRow(se(e));f.fit(f.height);let fe=we(p.num_experts,f.width);f.fit(fe.height);let Te=x.shares.subarray(j*p.num_experts,(j+1)*p.num_experts);Vt(f,g,fe,Te,P(j),e.selection.expert);let tt=oe(x.shares,p.expert_bytes);w(a,mr(e,x,tt,r)),Object.assign(a.dataset,{resident:tt,swept:me(e.residency),state:r.state}),w(i,ur(se(e),Te,p.expert_bytes,P(j).size)),Object.assign(i.dataset,{layer:se(e),resident:oe(Te,p.expert_bytes)}),o.hidden=r.state==="none"||!e.connected,w(o,r.state==="paused"?"Go on looking":"Pause looking"),s.draw(se(e),r.state!=="none"&&e.connected,r.state==="busy")},destroy:()=>{for(let p of M)p()}}};function dr(n,e){for(let[t,r]of Object.entries(e))n.setResidency(Number(t),Uint8Array.from(atob(r),o=>o.charCodeAt(0)))}function se(n){let{layer:e}=n.selection;return n.layerRow(e)>=0?e:n.facts?.sparse_layers[0]??-1}function It(n,e){return new Set(n.chosen(n.shownToken,e))}function mr(n,e,t,r){let o=n.facts;if(!o.residency_per_expert)return`Experts of ${T(o.expert_bytes)} share pages with their neighbours: what is resident of one cannot be told. Open a packed copy (“flashmoe pack”).`;let s=o.expert_bytes*e.shares.length;if(e.swept){let i=r.text?` · ${r.text}`:"";return`${T(t)} of ${T(s)} of experts are in the page cache (${S(t/s)})${i}`}let a=r.text||"no page cache is asked: attach a session to see it live.";return`As the reads up to token ${n.shownToken} found it: what they did not touch is unknown; ${a}`}function ur(n,e,t,r){let[o,s]=[e.filter(l=>l===O),e.filter(l=>l>0&&l<O)],a=e.filter(l=>l===L).length,i=a?`, ${a} unknown`:"";return`Layer ${n}: ${o.length} of ${e.length} experts resident, ${s.length} in part${i}, ${T(oe(e,t))}; ${r} chosen for this token (outlined)`}function fr(){let n=u("i","fm-ramp"),e=Array.from({length:9},(r,o)=>N(D(H,o/8)));n.style.background=`linear-gradient(90deg, ${e.join(", ")})`;let t=[u("span","fm-faint",{},"not resident ",n," resident"),u("span","fm-faint",{},u("i","fm-box fm-box-unknown"),"unknown"),u("span","fm-faint",{},u("i","fm-box fm-box-routed"),"chosen for this token")];return u("div","fm-row fm-legend",{},...t)}var Vs=U({name:"PageCacheView",hint:"PageCacheView(session), or PageCacheView(fm.load_trace(path))",make:Ve});var Ft=`.fm-player input[type="number"] {
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
`;var Fe=(n,e,t)=>{let r=(k,p={})=>t("player",{do:k,...p}),o=null,s=yr(k=>{o&&Bt(o)&&r("speed",{tokens_per_s:k})}),a=k=>{o?.state==="paused"?r(k?"step":"resume"):r("play",{...s.values(),step:k})},i=v("play","▶ play","play the prompt, or go on",()=>a(!1)),l=v("pause","❚❚ pause","stand still after the token at hand",()=>r("pause")),m=v("step","▸ step","one token more, then stand still",()=>a(!0)),c=v("stop","■ stop","end it; the session stands after its last whole token",()=>r("stop")),d=u("span","fm-state",{"data-name":"state",role:"status"}),f=u("span","fm-faint",{"data-name":"player-says"}),h=u("div","fm-error",{role:"alert","data-name":"player-error"}),y=u("div","fm-text",{"data-name":"text","aria-label":"text so far",tabindex:"0"}),b=u("div","fm-row",{role:"toolbar","aria-label":"player"},i,l,m,c,d,f),x=u("div","fm-player",{},s.el,b,h,y);n.append(u("style","",{},Ft),x),x.addEventListener("keydown",k=>{k.key==="Enter"&&(k.ctrlKey||k.metaKey)&&a(!1)});let M=e.onPart("player",k=>{o=k});return{draw(){if(o===null)return;let[k,p]=[Bt(o),e.connected];w(i,o.state==="paused"?"▶ resume":"▶ play"),i.disabled=!p||o.state==="playing",l.disabled=!p||o.state!=="playing",m.disabled=!p,c.disabled=!p||!k,w(d,o.state),d.dataset.state=o.state,w(f,hr(o)),w(h,o.error),h.hidden=o.error==="";let g=y.scrollTop+y.clientHeight>=y.scrollHeight-4;w(y,o.text),g&&(y.scrollTop=y.scrollHeight)},destroy:M}};function Bt(n){return n.state==="playing"||n.state==="paused"}function hr(n){let e=n.measured_per_s===null?"":` · ${G(n.measured_per_s)} tokens/s`,t=n.tokens_per_s===null?"":` (at most ${n.tokens_per_s})`;return`${_(n.tokens)} tokens${e}${t} · position ${_(n.position)} of ${_(n.max_context)}`}function yr(n){let e=u("textarea","fm-grow",{rows:"2","data-name":"prompt",placeholder:"a prompt"});e.setAttribute("aria-label","prompt; Ctrl+Enter plays it");let t=Ie("max-tokens","256","1","1"),r=Ie("temperature","0","0","0.1"),o=Ie("speed","","0.1","any");o.placeholder="no limit";let s=()=>Number(o.value)>0?Number(o.value):null;o.addEventListener("change",()=>n(s()));let a=u("input","",{type:"checkbox","data-name":"go-on"}),i=u("div","fm-row",{},u("label","",{title:"stop after so many"},"tokens ",t),u("label","",{title:"0 takes the likeliest token"},"temperature ",r),u("label","",{title:"never faster; empty is as fast as it goes"},"tokens/s ",o),u("label","",{title:"else the session begins at position 0 again"},a," after what was there"));return{el:u("div","",{},u("div","fm-row",{},e),i),values:()=>({prompt:e.value,max_tokens:Number(t.value),temperature:Number(r.value),tokens_per_s:s(),fresh:!a.checked})}}function Ie(n,e,t,r){return u("input","",{type:"number","data-name":n,value:e,min:t,step:r})}var js=U({name:"PlayerControls",hint:"PlayerControls(session)",make:Fe,ready:n=>n.keeps("player")});var br=.95,gr=.1,xr=8;function wr(n,e){return e<xr||n.bytes===0?!1:n.hitBytes/n.bytes>=br&&n.ssdMs/n.passMs<=gr}function zt(n,e){let t={state:"none",text:"",choices:[]},r=u("span","fm-grow"),o=u("select","",{"data-name":"limit_bytes","aria-label":"Memory limit"}),s=v("limit","Limit memory","Make the page cache scarce, so that reads reach the SSD",()=>e("limit",{nbytes:Number(o.value)})),a=v("lift","Lift the limit","Give the page cache all memory back",()=>e("lift")),i=u("div","fm-row fm-banner",{role:"status","data-name":"banner"},r,o,s,a),l=n.onPart("limit",m=>{t=m;let c=o.value;o.replaceChildren(...t.choices.map(({nbytes:d,text:f})=>u("option","",{value:String(d)},f))),t.choices.some(({nbytes:d})=>String(d)===c)&&(o.value=c)});return{el:i,draw(m,c){let d=wr(m,c),f=t.state==="on"||t.state==="busy";i.hidden=!d&&!f&&t.text==="",i.dataset.state=t.state;let h=t.state==="off"&&n.connected&&t.choices.length>0;o.hidden=s.hidden=!h,a.hidden=t.state!=="on",w(r,kr(t,d,m,c))},destroy:l}}function kr(n,e,t,r){let s=`You are measuring RAM: ${S(t.hitBytes/t.bytes)} of the bytes read for the last ${r} tokens were in the page cache. `,a=n.state==="none"&&e?`These ${T(t.bytes)} say nothing of an SSD; attach a session to limit memory. `:"";return`${e?s:""}${a}${n.text}`}var Wt=`.fm-swatch {
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
`;function Yt(n,e){let t=n.column("start_ms").at(e),r=(o,s)=>t+n.column(`layer_${o}_ms`).at(e,s);return(n.facts?.sparse_layers??[]).map(o=>({layer:o,start:r("start",o),routed:r("routed",o),read:r("read",o),end:r("end",o)})).filter(({start:o,end:s})=>!Number.isNaN(o+s))}function Sr(n,e){let t=[],r=e[0];for(let o of[...n].sort((s,a)=>s.start-a.start))o.start>r&&t.push([r,o.start]),r=Math.max(r,o.end);return e[1]>r&&t.push([r,e[1]]),t}function jt(n,e,t,r,o,s){let a=Math.max(2,Math.min(6,s*.22)),i=(c,d,f,h)=>{let[y,b]=[r.x(d),r.x(f)];n.fillStyle=h,n.fillRect(y,(c+.5)*s-a/2,Math.max(.5,b-y),a)};for(let{layer:c,start:d,routed:f,read:h,end:y}of o){let b=r.zero.get(c);b!==void 0&&(i(t.indexOf(c),d-b,f-b,e.line),i(t.indexOf(c),h-b,y-b,e.faint))}if(o.length>0||r.origin!=="token")return;let l=[...r.zero.values()][0];if(l===void 0)return;let m=[...r.reads].sort((c,d)=>c.start-d.start);for(let[c,d]of Sr(r.reads,r.pass)){let f=m.find(h=>h.start>=d);i(f?t.indexOf(f.layer):t.length-1,c-l,d-l,e.line)}}var z=46,Xt=12,Be=22,Gt=.14;function ke(n){return n.facts?.sparse_layers??[]}function ze(n,e,t,r,o){let s=new Map;for(let c of n)s.set(c.layer,Math.min(s.get(c.layer)??c.start,c.start));let a=t==="layer"?s:new Map([...s.keys()].map(c=>[c,e[0]])),i=t==="token"?e[1]-e[0]:Math.max(0,...n.map(c=>c.end-s.get(c.layer))),l=r??[0,Number.isFinite(i)&&i>0?i:1],m=(Math.max(1,o)-z-Xt)/(l[1]-l[0]);return{reads:n,origin:t,pass:e,span:l,zero:a,tails:Mr(n),threads:1+Math.max(0,...n.map(c=>c.thread)),timeAt:c=>l[0]+(Math.max(z,c)-z)/m,x:c=>z+(c-l[0])*m,boxes:[]}}function qt(n,e){let t=[...n.reads].sort((m,c)=>c.end-c.start-(m.end-m.start))[0],r=n.zero.has(e)?e:t?.layer,o=r===void 0?void 0:n.zero.get(r);if(o===void 0)return null;let s=n.reads.filter(m=>m.layer===r),[a,i]=[Math.min(...s.map(m=>m.start))-o,Math.max(...s.map(m=>m.end))-o],l=(i-a)*.15;return[a-l,i+l]}function Mr(n){let e=new Map;for(let t of n)t.end>=(e.get(t.layer)?.end??Number.NEGATIVE_INFINITY)&&e.set(t.layer,t);return new Set([...e.values()].map(t=>t.row))}function We(n,e,t){let r=n.boxes.filter(a=>t>=a.y-1&&t<=a.y+a.height+1),[o,s]=[null,4];for(let a of r){let i=Math.max(a.x-e,e-a.x-a.width,0);i<s&&([o,s]=[a.read,i])}return o}function Kt(n,e,t,r,o){let{context:s,width:a,height:i}=n,l=(i-Be)/Math.max(1,t.length);s.clearRect(0,0,a,i),s.font=`11px ${e.font}`,$r(n,e,r),t.forEach((m,c)=>{let d=c*l;m===o.selection.layer&&(s.fillStyle=e.accent,s.globalAlpha=.16,s.fillRect(0,d,a,l),s.globalAlpha=1),(l>=12||c%4===0)&&Rr(s,e,`L${m}`,Math.max(7,d+l/2))}),Tr(t,r,l),Er(n,()=>{jt(s,e,t,r,Yt(o,o.shownToken),l);for(let m of r.boxes)_r(s,r,m,o.selection.expert)})}function Rr(n,e,t,r){n.fillStyle=e.faint,n.textAlign="left",n.textBaseline="middle",n.fillText(t,4,r)}function Tr(n,e,t){let r=t*(1-Gt)/e.threads;for(let o of e.reads){let s=n.indexOf(o.layer);if(s<0)continue;let a=e.zero.get(o.layer),[i,l]=[e.x(o.start-a),e.x(o.end-a)],m=s*t+t*Gt/2+o.thread*r;e.boxes.push({read:o,x:i,y:m,width:Math.max(.8,l-i),height:Math.max(1,r-.6)})}}function _r(n,e,{read:t,x:r,y:o,width:s,height:a},i){let l=X[t.source];Ae(t.source)&&s>3?(n.strokeStyle=l,n.lineWidth=1,n.strokeRect(r+.5,o+.5,s-1,a-1)):(n.fillStyle=l,n.fillRect(r,o,s>3?s-.7:s,a)),e.tails.has(t.row)&&(n.fillStyle=R.mark,n.fillRect(r+s-1,o-1,2.5,a+2)),t.expert===i&&(n.strokeStyle=R.mark,n.lineWidth=1.5,n.strokeRect(r-1,o-1,s+2,a+2))}function Er(n,e){let{context:t,width:r,height:o}=n;t.save(),t.beginPath(),t.rect(z,0,r-z-Xt/2,o-Be+1),t.clip(),e(),t.restore()}function $r(n,e,t){let{context:r,width:o,height:s}=n,a=s-Be+2;r.strokeStyle=e.line,r.fillStyle=e.faint,r.lineWidth=1,r.textBaseline="top",r.textAlign="center",r.beginPath();for(let i of Ar(t.span,Math.max(2,Math.floor((o-z)/110)))){let l=Math.round(t.x(i))+.5;r.moveTo(l,0),r.lineTo(l,a+3),r.fillText(i===0?"0":$(i),Math.min(l,o-22),a+5)}r.globalAlpha=.5,r.stroke(),r.globalAlpha=1}function Ar([n,e],t){let r=(e-n)/t,o=10**Math.floor(Math.log10(r)),s=[1,2,5,10].find(l=>l*o>=r)*o,a=Math.ceil(n/s-1e-9),i=Math.floor(e/s+1e-9);return Array.from({length:Math.max(0,i-a+1)},(l,m)=>Number(((a+m)*s).toPrecision(12)))}var ve=[{name:"surprise",label:"Surprise",title:"How little the model expected it, in bits",of:(n,e,t)=>je(n,t),text:n=>`${n.toFixed(1)} bits`,most:null},{name:"probability",label:"Probability",title:"What the model gave it before it was drawn",of:(n,e,t)=>Math.exp(n.column("token_logprob").at(t)),text:S,most:1},{name:"bytes",label:"Bytes read",title:"Expert bytes read for it; a prompt's tokens share theirs",of:(n,e,t)=>e.of(t).bytes/Z(n,t),text:T,most:null},{name:"ssd",label:"From SSD",title:"Expert bytes that the page cache did not hold",of:(n,e,t)=>(e.of(t).bytes-e.of(t).hitBytes)/Z(n,t),text:T,most:null},{name:"time",label:"Time",title:"Time of its pass; a prompt's tokens share theirs",of:(n,e,t)=>e.of(t).passMs/Z(n,t),text:$,most:null}];function je(n,e){return-n.column("token_logprob").at(e)/Math.LN2}function Z(n,e){if(n.column("phase").at(e)===F)return 1;let t=n.column("pass_start"),r=t.at(e);return ce(t,r+1)-ce(t,r)}function Jt(n,e){if(e!==null)return e;let t=n.filter(Number.isFinite).sort((r,o)=>r-o);return t.length&&(t[Math.floor((t.length-1)*.97)]||t[t.length-1])||1}function Zt(n,e){let t=n.column("sampled_from_ids").rows(e),r=n.column("sampled_from_logprobs").rows(e);return[...t].map((o,s)=>[o,Math.exp(r[s])]).filter(([o])=>o>=0)}function Se(n,e){let t=n.text(e);return t.includes("�")?[...n.column("text").rows(n.column("text_start").at(e),n.column("text_end").at(e))].map(o=>o<128?String.fromCharCode(o):`‹${o.toString(16)}›`).join(""):t}var Ye=1500;function Qt(n,e){let t=Math.min(n,Math.max(Ye,e+Ye/3));return[Math.max(0,Math.floor(t-Ye)),Math.floor(t)]}var q=6,Lr=12;function en(n,e,t){let r=Math.max(1,Math.floor((t-z-Lr)/q)),o=Math.min(n,r);return[Math.max(0,Math.min(n-o,e-Math.floor(o*.75))),o]}function tn(n,e,t){let[r,o]=en(n.tokens,n.shownToken,e),s=Math.floor((t-z)/q);return s>=0&&s<o?r+s:-1}function nn(n,e,t,r){let{context:o,width:s,height:a}=n,[i,l]=en(t.tokens,t.shownToken,s),m=Array.from({length:l},(h,y)=>Cr(t,r,i+y)),c=Or(m.map(h=>h.all)),d=a-6,f=(d-10)/c;o.clearRect(0,0,s,a),m.forEach((h,y)=>{let b=z+y*q,x=Math.min(h.all,c)*f,M=Math.min(h.ssd,c)*f,k=Math.min(h.read,c)*f;o.fillStyle=e.line,o.fillRect(b,d-x,q-1.5,x),o.fillStyle=R.cache,o.fillRect(b,d-k,q-1.5,k),o.fillStyle=R.ssd,o.fillRect(b,d-M,q-1.5,M),h.all>c&&o.clearRect(b-.5,d-x+5,q,2.5),i+y===t.shownToken&&(o.fillStyle=e.accent,o.fillRect(b-.5,d+1.5,q-.5,3))}),o.font=`11px ${e.font}`,o.fillStyle=e.faint,o.textAlign="left",o.textBaseline="top",o.fillText("tokens",4,d-12),o.fillText($(c),4,2)}function Cr(n,e,t){let[r,o]=[e.of(t),Z(n,t)];return{all:r.passMs/o,read:r.readMs/o,ssd:r.ssdMs/o}}function Or(n){let e=n.filter(Number.isFinite).sort((r,o)=>r-o),t=e[Math.floor((e.length-1)/2)]||1;return Math.min(3*t,e[e.length-1]??1)}var Nr=32,Ge=(n,e,t)=>{let{sums:r}=e,o="token",s=null,a=null,i=ee("Where time starts",[["token","Time in the token","Every read where it stands in its token"],["layer","Time in the layer","Every layer's reads from its first one on"]],p=>{o=p,s=null,e.changed()}),l=v("whole","Whole token","Show all of the time axis again (drag over a part to zoom in)",()=>{s=null,e.changed()}),m=v("closer","Zoom to layer","Show the reads of the selected layer, else of the slowest read's",()=>{s=qt(k,e.selection.layer),e.changed()}),c=u("div","fm-says",{"data-name":"running"}),d=u("div","fm-says",{"data-name":"says","aria-live":"off"}),f=u("div","fm-tip");f.hidden=!0;let h=zt(e,t),y=u("div",""),b=u("div","");n.append(u("style","",{},Wt),u("div","fm-row",{},i.el,m,l,c),h.el,y,b,Vr(),d,f);let x=I(y,"Time of each token, the waiting for reads coloured"),M=I(b,"Reads of one token, a row for each layer"),k=ze([],[0,1],o,null,0);return x.canvas.addEventListener("click",p=>{let g=tn(e,x.width,p.offsetX);g>=0&&e.select({token:g,following:!1})}),M.canvas.addEventListener("pointerdown",p=>{a=k.timeAt(p.offsetX),M.canvas.setPointerCapture(p.pointerId)}),M.canvas.addEventListener("pointerup",p=>{let g=a;if(a=null,g===null)return;let E=k.timeAt(p.offsetX);if(Math.abs(k.x(g)-p.offsetX)>6){s=[Math.min(g,E),Math.max(g,E)],e.changed();return}let A=We(k,p.offsetX,p.offsetY);A&&e.select({layer:A.layer,expert:A.expert})}),M.canvas.addEventListener("pointermove",p=>{let g=We(k,p.offsetX,p.offsetY);if(f.hidden=g===null,!g)return;let E=g.end-g.start,A=Number.isNaN(g.before)?"":`
${S(g.before)} of its pages were resident`,P=k.tails.has(g.row)?`
last of its layer: the layer waits for it`:"";w(f,`layer ${g.layer}, expert ${g.expert}, thread ${g.thread}
${$(E)} for ${T(g.bytes)}: ${(g.bytes/E/1e6).toPrecision(2)} GB/s
${te[g.source]}${A}${P}`);let j=b.offsetLeft+p.offsetX;f.style.left=`${Math.max(0,Math.min(j+14,n.clientWidth-230))}px`,f.style.top=`${b.offsetTop+p.offsetY+16}px`}),M.canvas.addEventListener("pointerleave",()=>{f.hidden=!0}),{draw(){let p=e.shownToken,g=W(n);i.show(o),l.disabled=s===null,x.fit(64),nn(x,g,e,r);let E=Le(e,p);M.fit(26+ke(e).length*Hr(ke(e).length,E)),k=ze(E,Pr(e),o,s,M.width),Kt(M,g,ke(e),k,e);let A=r.recent(p,Nr),P=yt(A);w(c,Ur(P,A.length)),Object.assign(c.dataset,{hit:(P.hitBytes/P.bytes).toFixed(4),tokens:A.length}),w(d,Dr(e,p,r.of(p))),h.draw(P,A.length)},destroy:()=>h.destroy()}};function Pr(n){let e=n.shownToken;return[n.column("start_ms").at(e),n.column("end_ms").at(e)]}function Hr(n,e){let t=1+Math.max(0,...e.map(r=>r.thread));return Math.max(9,Math.min(18+8*t,Math.floor(520/Math.max(1,n))))}function Ur(n,e){if(e===0||n.reads===0)return"no reads of decoded tokens yet";let t=n.readMs>0?`${(n.bytes/n.readMs/1e6).toPrecision(3)} GB/s`:"no reads",r=n.inferred?" (in part inferred)":"";return`last ${e} tokens: ${t} while reading, ${S(n.hitBytes/n.bytes)} from the page cache${r}, ${S(n.readMs/n.passMs)} of the time in reads, ${S(n.ssdMs/n.passMs)} waiting for the SSD`}function Dr(n,e,t){if(e<0)return"No token yet.";let r=B(n.text(e));if(t.reads===0)return`Token ${e} “${r}”: its reads are not here (none made, or let go of).`;let o=n.column("pass_start").at(e),s=n.column("phase").at(e)===F?"":`, shared by the prompt's tokens from ${o} on`,a=S(t.hitBytes/t.bytes);return`Token ${e} “${r}”: ${_(t.reads)} reads${s}, ${T(t.bytes)} in ${$(t.readMs)} of ${$(t.passMs)}; ${a} from the page cache, ${$(t.ssdMs)} waiting for the SSD.`}function Vr(){let n=[[X[0],"",te[0]],[X[1],"","partly"],[X[2],"",te[2]],[R.unknown,"fm-hollow","hollow: inferred from its time"],[R.mark,"fm-tail","last of its layer: the layer waits for it"],["var(--fm-line)","fm-thin","until the router chose"],["var(--fm-faint)","fm-thin","after the reads"]],e=u("div","fm-row fm-legend");for(let[t,r,o]of n){let s=u("i",`fm-swatch ${r}`);s.style.setProperty("--swatch",t),e.append(u("span","fm-faint",{},s,o))}return e}var Sa=U({name:"ReadTimeline",hint:"ReadTimeline(session), or ReadTimeline(fm.load_trace(path))",make:Ge});var Ir=96;function rn(n,e,t){let r=u("div","fm-layer"),o=u("div","fm-row",{"data-name":"layer_says"}),s=u("div","fm-ranks",{role:"list","aria-label":"experts chosen, by weight"}),a=v("all_probabilities","All probabilities","Ask the router for its softmax over all experts",()=>t("router",{layer:e.selection.layer,token:e.shownToken})),i=u("span","fm-faint",{"data-name":"layer_note"}),l=u("div","fm-probabilities"),m=I(l,"probability of every expert");r.append(o,s,u("div","fm-row",{},a,i),l),n.append(r);let c=null,d=e.onPart("router",(f,h)=>{c=Fr(f,h),w(i,f.note??"")});return{draw(){let f=e.layerRow(e.selection.layer);if(r.hidden=f<0,f<0)return;let h=e.shownToken;w(o,Br(e,f,h)),Wr(s,e,f,h),a.disabled=!e.connected;let y=c!==null&&c.layer===e.selection.layer&&c.token===h;l.hidden=!y,l.dataset.token=y?String(h):"",y&&jr(m,c,e,f)},destroy:d}}function Fr(n,e){if(e.length===0)return null;let{buffer:t,byteOffset:r,byteLength:o}=e[0],s=new Float32Array(t.slice(r,r+o));return{layer:n.layer,token:n.token,probabilities:s}}function Br(n,e,t){let[r,o,s]=["kept_mass","router_margin","router_entropy"].map(l=>n.column(l).at(t,e));if(Number.isNaN(r))return`layer ${n.selection.layer}: the routing of token ${t} is not here any more`;let a=`layer ${n.selection.layer}, token ${t} "${B(n.text(t))}"`,i=`kept mass ${S(r)} of the softmax, margin ${o.toPrecision(3)} in logits`;return`${a}: ${i}, entropy ${s.toFixed(2)} of ${Math.log(n.facts.num_experts).toFixed(2)} nats${zr(n,t)}`}function zr(n,e){let{layer:t}=n.selection,[r,o]=["layer_routed_ms","layer_read_ms"].map(s=>n.column(s).at(e,t));return Number.isFinite(o-r)?`, experts read in ${$(o-r)}`:""}function Wr(n,e,t,r){let o=e.chosen(r,t),s=o.length,a=t*e.keptExperts,i=e.column("routing_weights").rows(r).subarray(a,a+s);for(;n.childElementCount>s;)n.lastElementChild.remove();for(;n.childElementCount<s;)n.append(Yr(e));let l=Math.max(...i,0);[...n.children].forEach((m,c)=>{let d=m;d.dataset.expert=String(o[c]),d.style.setProperty("--fm-share",String(l?i[c]/l:0)),d.setAttribute("aria-pressed",String(e.selection.expert===o[c])),d.title=`rank ${c+1}: expert ${o[c]}, weight ${i[c].toFixed(4)}`,w(d,`${o[c]} · ${i[c].toFixed(3)}`)})}function Yr(n){let e=v("rank","","",()=>{let t=Number(e.dataset.expert);n.select({expert:t===n.selection.expert?-1:t})});return e.className="fm-rank",e}function jr(n,{probabilities:e},t,r){n.fit(Ir);let{context:o,width:s,height:a,canvas:i}=n,l=W(i),m=new Set(t.chosen(t.shownToken,r)),c=e.reduce((f,h)=>Math.max(f,h),0),d=s/e.length;o.clearRect(0,0,s,a),e.forEach((f,h)=>{let y=Math.max(1,f/c*(a-16));o.fillStyle=m.has(h)?R.ssd:l.faint;let b=m.has(h)?Math.max(2,d):Math.max(1,d-.5);o.fillRect(h*d,a-y,b,y)}),o.fillStyle=l.faint,o.font=`11px ${l.font}`,o.textBaseline="top",o.fillText(`${S(c)}: expert ${e.indexOf(c)}; the chosen are orange`,2,0)}var on=.82,Xe=K(128,128,128,90),Gr=1711276032,qe=256,Xr=X.map(qr),ue={now:{text:"This token",title:"Experts chosen for this token over the glow of those before",colours({store:n,token:e,settled:t}){let r=Rt(n,e,on),o=on**(t-1);return s=>D(J,Math.min(.8,.55*o*r[s]))},legend:()=>[["mark","chosen for this token"],[N(D(J,.6)),"chosen for the tokens before, fading"]]},counts:{text:"Counts",title:"How often each expert was chosen up to this token, on a logarithmic scale",colours({usage:n}){let e=n.counts.reduce((r,o)=>Math.max(r,o),1),t=Uint32Array.from({length:e+1},(r,o)=>D(J,Math.log1p(o)/Math.log1p(e)));return r=>t[n.counts[r]]},legend({usage:n}){let e=n.counts.reduce((t,r)=>Math.max(t,r),1);return[[N(J[0]),"never"],[N(J[128]),`${Math.round(Math.expm1(Math.log1p(e)/2))} times`],[N(J[255]),`${e} times`]]}},recency:{text:"Recency",title:"How long ago each expert was chosen, on a logarithmic scale",colours({usage:n,token:e}){let t=Math.log1p(qe);return r=>{let o=n.lastToken[r];return o===-1?Xe:D(H,1-Math.log1p(e-o)/t)}},legend:()=>[[N(H[255]),"this token"],[N(D(H,1-Math.log1p(16)/Math.log1p(qe))),"16 tokens ago"],[N(H[0]),`${qe} or more`],[Me(),"never"]]},residency:{text:"Residency",title:"How much of each expert the page cache holds now",colours({store:n}){return e=>{let t=n.residency[e];return t===L?Xe:D(H,t/O)}},legend:({store:n})=>n.residency.every(e=>e===L)?[[Me(),"unknown: a live session is swept, a trace holds no residency"]]:[[N(H[0]),"not in the page cache"],[N(H[255]),"wholly in the page cache"],[Me(),"unknown"]]},source:{text:"Hit or miss",title:"Where the last read of each expert came from",colours({store:n,usage:e,token:t}){let r=n.column("read_source"),o=r.rows(r.first,r.end),[s]=n.readsOf(t);return a=>{let i=e.lastRead[a];if(i<r.first)return Xe;let l=Xr[o[i-r.first]];return i<s?(l&16777215|Gr)>>>0:l}},legend:()=>[[R.cache,"page cache"],[R.partly,"partly"],[R.ssd,"SSD"],[Me(),"never read; faint: read for a token before"]]}};function qr(n){let[e,t,r]=[1,3,5].map(o=>Number.parseInt(n.slice(o,o+2),16));return K(e,t,r)}function Me(){return"rgb(128 128 128 / 35%)"}var C=40,V=16,Kr=480,Re=class{sheet;brush=null;grid=new Q;window=null;rowHeight=1;constructor(e){this.sheet=I(e,"experts by layer: a row for each layer, a column for each expert")}cellAt(e,t){let r=this.window;if(!r||t<V||t>=V+this.rowHeight*(r.rows.end-r.rows.start))return null;let o=r.rows.start+Math.floor((t-V)/this.rowHeight);if(e<C)return{row:o,expert:-1};let s=r.experts.start+Math.floor((e-C)/this.expertWidth);return s<r.experts.end?{row:o,expert:s}:null}draw(e,t,r){this.window=r;let o=r.rows.end-r.rows.start;this.rowHeight=Math.max(5,Math.min(26,Math.floor(Kr/o))),this.sheet.fit(V+this.rowHeight*o+2);let{context:s,width:a,height:i}=this.sheet,{theme:l}=e;s.clearRect(0,0,a,i),this.cells(e,t,r),this.marks(e,t),s.fillStyle=l.faint,s.strokeStyle=l.text,s.font=`11px ${l.font}`,this.labels(e),this.selected(e,l.accent),this.brushed(l.accent)}get expertWidth(){let{start:e,end:t}=this.window.experts;return(this.sheet.width-C)/(t-e)}cells(e,t,{experts:r,rows:o}){let{context:s,width:a}=this.sheet,i=r.end-r.start,l=e.store.facts.num_experts,m=ue[t].colours(e),c=o.end-o.start;this.grid.fill(i,c,d=>{let f=Math.floor(d/i);return m((o.start+f)*l+r.start+(d-f*i))}),s.imageSmoothingEnabled=!1,s.drawImage(this.grid.canvas,C,V,a-C,this.rowHeight*c),s.fillStyle=e.theme.dark?"rgb(17 17 17 / 60%)":"rgb(255 255 255 / 60%)";for(let d=1;d<c;d++)s.fillRect(C,V+d*this.rowHeight-.5,a-C,1)}marks({store:e,token:t,theme:r},o){let{context:s}=this.sheet,{experts:a,rows:i}=this.window,l=e.keptExperts,m=e.column("expert_ids").rows(t),c=e.column("routing_weights").rows(t),d=Math.max(3,this.expertWidth);for(let f=0;f<m.length;f++){let h=Math.floor(f/l);if(h<i.start||h>=i.end||m[f]<a.start||m[f]>=a.end)continue;let y=C+(m[f]-a.start+.5)*this.expertWidth-d/2,b=V+(h-i.start)*this.rowHeight,x=this.rowHeight-1;o==="now"?(s.fillStyle=Jr(c[f]*l),s.fillRect(y,b,d,x)):(s.strokeStyle=r.dark?"#fff":"#000",s.lineWidth=1,s.strokeRect(y-.5,b+.5,d+1,x-1))}}labels({store:e}){let{context:t,width:r}=this.sheet,{experts:o,rows:s}=this.window,a=Math.max(1,Math.ceil(12/this.rowHeight));t.textBaseline="middle",t.textAlign="right";for(let l=s.start;l<s.end;l++){if((l-s.start)%a)continue;let m=V+(l-s.start+.5)*this.rowHeight;t.fillText(String(e.facts.sparse_layers[l]),C-6,m)}let i=Zr((o.end-o.start)/Math.max(2,(r-C)/90));t.textAlign="center";for(let l=Math.ceil(o.start/i)*i;l<o.end;l+=i){let m=C+(l-o.start+.5)*this.expertWidth;t.fillText(String(l),Math.max(C+8,Math.min(r-12,m)),V/2-1),t.fillRect(m,V-3,1,3)}t.textAlign="left",t.fillText("layer",0,V/2-1)}selected({store:e},t){let{context:r,width:o}=this.sheet,{experts:s,rows:a}=this.window,i=e.layerRow(e.selection.layer);if(i<a.start||i>=a.end)return;let l=V+(i-a.start)*this.rowHeight;r.strokeStyle=t,r.lineWidth=2,r.strokeRect(C-1,l-.5,o-C,this.rowHeight);let{expert:m}=e.selection;if(m<s.start||m>=s.end)return;let c=Math.max(5,this.expertWidth),d=C+(m-s.start+.5)*this.expertWidth;r.strokeRect(d-c/2-2,l-3,c+4,this.rowHeight+5)}brushed(e){if(!this.brush)return;let{context:t,width:r}=this.sheet,{experts:o,rows:s}=this.window,{from:a,to:i,layersOnly:l}=this.brush,m=V+(Math.min(a.row,i.row)-s.start)*this.rowHeight,c=(Math.abs(a.row-i.row)+1)*this.rowHeight,d=l?C:C+(Math.min(a.expert,i.expert)-o.start)*this.expertWidth,f=l?r-C:(Math.abs(a.expert-i.expert)+1)*this.expertWidth;t.strokeStyle=e,t.lineWidth=1,t.setLineDash([4,3]),t.strokeRect(d+.5,m+.5,f,c),t.setLineDash([])}};function Jr(n){return`color-mix(in srgb, #fff ${Math.round(Math.max(0,Math.min(1,(n-.4)/2))*100)}%, #fde725)`}function Zr(n){return 2**Math.ceil(Math.log2(Math.max(1,n)))}function sn(n,e,t,{row:r,expert:o}){let s=n.facts,a=s.sparse_layers[r];if(o<0)return`layer ${a}`;let i=r*s.num_experts+o,l=[`layer ${a}, expert ${o}`,Qr(n,t,r,o)],m=e.counts[i],c=e.lastToken[i],d=c===-1?"":c===t?", last for this token":`, last ${t-c} tokens ago`;l.push(`chosen ${m===1?"once":`${m} times`}${d}`),e.lastRead[i]!==-1&&l.push(eo(n,e.lastRead[i]));let f=n.residency[i];return f!==L&&l.push(`page cache holds ${S(f/O)}`),l.join(`
`)}function Qr(n,e,t,r){let o=n.chosen(e,t),s=o.indexOf(r);if(s<0)return`not chosen for token ${e}`;let a=n.column("routing_weights").at(e,t*n.keptExperts+s);return`rank ${s+1} of ${o.length}, weight ${a.toFixed(3)}`}function eo(n,e){let t=o=>n.column(o).at(e);return`last read in ${$(t("read_end_ms")-t("read_start_ms"))} from ${te[t("read_source")]} (token ${t("read_token")})`}var an=`.fm-legend {
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
`;function cn(n,e){return{experts:{start:0,end:n},rows:{start:0,end:e}}}function no(n,e,t,r,o){let s=Math.min(r,Math.max(Math.min(o,r),Math.round((n.end-n.start)*e))),a=(t-n.start)/(n.end-n.start),i=Math.max(0,Math.min(r-s,Math.round(t-a*s)));return{start:i,end:i+s}}function Ke(n,e,t,r){return{...n,experts:no(n.experts,e,t,r,8)}}function dn(n,e,t,{layersOnly:r=!1}={}){let o=ln(e.row,t.row),s=ln(e.expert,t.expert);return{experts:r?n.experts:ro(s,n.experts),rows:o}}function ln(n,e){return{start:Math.min(n,e),end:Math.max(n,e)+1}}function ro(n,e){let t=Math.max(0,Math.min(8,e.end-e.start)-(n.end-n.start)),r=Math.max(e.start,n.start-Math.floor(t/2)),o=Math.min(e.end,Math.max(n.end,r+(n.end-n.start)+t));return{start:r,end:o}}function mn(n,e,t){return n.experts.start===0&&n.experts.end===e&&n.rows.start===0&&n.rows.end===t}var oo=220,so=120,ao=5,Ze=(n,e,t)=>new Je(n,e,t),Je=class{constructor(e,t,r){this.store=t;this.send=r;let o=u("div","fm-map");this.modes=ee("colour",Object.entries(ue).map(([a,{text:i,title:l}])=>[a,i,l]),a=>this.choose(a)),this.follow=v("follow","Follow","Show each new token as it comes",()=>t.select({following:!t.selection.following,token:t.shownToken})),this.all=v("zoom_all","All","All layers and experts",()=>this.look(null)),this.scrub.addEventListener("input",()=>t.select({token:this.scrub.valueAsNumber,following:!1}));let s=u("span","fm-group",{role:"group","aria-label":"zoom"},this.zoom("zoom_out","−",2),this.zoom("zoom_in","+",.5),this.all);e.append(u("style","",{},an),u("div","fm-row",{},this.modes.el,s),o,this.legend),e.append(u("div","fm-row",{},this.follow,this.scrub),this.says),this.map=new Re(o),o.append(this.tip),this.layer=rn(e,t,r),this.end=t.onPart("mode",a=>this.choose(a.mode,{tell:!1})),this.listen()}store;send;mode="now";window=null;run="";usage=new ne;map;layer;modes;scrub=u("input","fm-grow",{type:"range",min:"0","aria-label":"token","data-name":"scrub"});follow;all;says=u("div","fm-says",{"data-name":"says"});legend=u("div","fm-legend");tip=u("div","fm-tip",{hidden:""});end;came={token:-1,at:0};saidAt=Number.NEGATIVE_INFINITY;draw(e){let{store:t}=this,r=t.facts;t.place.run!==this.run&&([this.run,this.window]=[t.place.run,null]),this.window??=cn(r.num_experts,r.sparse_layers.length);let o=t.shownToken;this.usage.upTo(t,o);let s=this.settled(o,e),a={store:t,usage:this.usage,token:o,settled:s,theme:W(this.says)};return this.map.draw(a,this.mode,this.window),(s===1||e-this.saidAt>so)&&(this.saidAt=e,this.controls(a)),this.layer.draw(e),s<1}destroy(){this.end(),this.layer.destroy()}settled(e,t){if(e!==this.came.token){let r=this.store.selection.following&&!this.store.place.complete,o=matchMedia("(prefers-reduced-motion: reduce)").matches;this.came={token:e,at:r&&!o?t:Number.NEGATIVE_INFINITY}}return Math.min(1,(t-this.came.at)/oo)}controls(e){let{store:t,scrub:r,follow:o,all:s,window:a}=this,{num_experts:i,sparse_layers:l}=t.facts;r.max=String(Math.max(0,t.tokens-1)),r.valueAsNumber!==e.token&&(r.value=String(e.token)),r.setAttribute("aria-valuetext",`token ${e.token}: ${t.text(e.token)}`),o.setAttribute("aria-pressed",String(t.selection.following)),s.disabled=mn(a,i,l.length),this.modes.show(this.mode),w(this.says,this.sentence(e)),this.showLegend(e)}showLegend(e){let t=ue[this.mode].legend(e),r=JSON.stringify(t);if(this.legend.dataset.key===r)return;this.legend.dataset.key=r;let o=s=>u("i","fm-swatch",{style:`background:${s==="mark"?"#fde725":s}`});this.legend.replaceChildren(...t.map(([s,a])=>u("span","",{},o(s),a)))}sentence({token:e}){let{store:t}=this,{sparse_layers:r,num_experts:o,top_k:s}=t.facts;if(e<0)return"no token yet";let a=t.column("phase").at(e)===F?"output":"prompt",i=`token ${_(e)} "${B(t.text(e))}" (${a})`;if(!t.column("expert_ids").has(e))return`${i}: its routing is older than what is kept here`;let l=`${i}: ${s} of ${o} experts in each of ${r.length} layers`,m=xe(t,e);return m?`${l}; ${m.again} of ${m.chosen} as for the token before`:l}choose(e,{tell:t=!0}={}){this.mode=e,t&&this.send("mode",{mode:e}),this.store.changed()}zoom(e,t,r){let o=r<1?"Fewer experts, wider":"More experts, narrower";return v(e,t,o,()=>{let{start:s,end:a}=this.window.experts,{expert:i}=this.store.selection,l=i>=s&&i<a?i:(s+a)/2;this.look(Ke(this.window,r,l,this.store.facts.num_experts))})}look(e){this.window=e,this.store.changed()}listen(){let{canvas:e}=this.map.sheet,t=o=>this.map.cellAt(o.offsetX,o.offsetY),r=null;e.addEventListener("pointerdown",o=>{let s=t(o);r=s&&{x:o.offsetX,y:o.offsetY,cell:s},e.setPointerCapture(o.pointerId)}),e.addEventListener("pointermove",o=>{let s=t(o);if(r&&s&&Math.hypot(o.offsetX-r.x,o.offsetY-r.y)>ao){let a=r.cell.expert<0;this.map.brush={from:r.cell,to:a?s:{...s,expert:Math.max(0,s.expert)},layersOnly:a},this.store.changed()}this.hover(s,o)}),e.addEventListener("pointerup",o=>{let s=this.map.brush,a=t(o);this.map.brush=null,s?this.look(dn(this.window,s.from,s.to,s)):r&&a&&this.click(a),r=null}),e.addEventListener("pointerleave",()=>this.hover(null,null)),e.addEventListener("dblclick",()=>this.look(null)),e.addEventListener("wheel",o=>{let s=t(o);if(!s||s.expert<0||!(o.ctrlKey||o.shiftKey))return;o.preventDefault();let a=(o.deltaY||o.deltaX)>0?1.25:.8;this.look(Ke(this.window,a,s.expert,this.store.facts.num_experts))})}click({row:e,expert:t}){let{selection:r,facts:o}=this.store,s=o.sparse_layers[e],a=r.layer===s&&(t<0||r.expert===t);this.store.select(a?{layer:-1,expert:-1}:{layer:s,expert:t})}hover(e,t){if(this.tip.hidden=e===null||this.map.brush!==null||this.store.facts===null,!e||!t||this.tip.hidden)return;w(this.tip,sn(this.store,this.usage,this.store.shownToken,e));let r=t.offsetX>this.map.sheet.width-260;this.tip.style.left=r?"":`${t.offsetX+14}px`,this.tip.style.right=r?`${this.map.sheet.width-t.offsetX+14}px`:"",this.tip.style.top=`${t.offsetY+14}px`}},si=U({name:"RouterView",hint:"RouterView(session), or view.attach(fm.load_trace(path))",make:Ze});var un=`.fm-strip {
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
`;var lo=.62,et=(n,e)=>{let{sums:t}=e,r=ve[0],o=ee("Colour by",ve.map(({name:y,label:b,title:x})=>[y,b,x]),y=>{r=ve.find(b=>b.name===y)??r,e.changed()}),s=v("follow","Follow","Show the newest token as it comes",()=>e.select({following:!e.selection.following,token:e.shownToken})),a=u("span","fm-faint fm-scale"),i=u("div","fm-strip",{role:"listbox","aria-label":"Tokens",tabindex:"0"}),l=u("div","fm-says",{"data-name":"says"}),m=u("div","fm-says",{"data-name":"alternatives"}),c=u("div","fm-row",{},o.el,s,a);n.append(u("style","",{},un),c,i,l,m),i.addEventListener("click",y=>{let b=y.target.closest("[data-token]")?.dataset.token;b!==void 0&&e.select({token:Number(b),following:!1})});let d=new Qe(i,e),[f,h]=[-1,-1];return{draw(){let y=e.shownToken;o.show(r.name),s.setAttribute("aria-pressed",String(e.selection.following));let[b,x]=Qt(e.tokens,y),M=Array.from({length:x-b},(p,g)=>r.of(e,t,b+g)),k=Jt(M,r.most);d.show(b,x);for(let[p,g]of M.entries())d.paint(b+p,g,k,r);d.mark(y),w(a,`0 to ${r.text(k)}${b>0?` · tokens ${_(b)} to ${_(x-1)}`:""}`),w(l,co(e,t,y)),w(m,uo(e,y)),(y!==f||x!==h)&&d.scrollTo(y),[f,h]=[y,x]},destroy:()=>{}}},Qe=class{constructor(e,t){this.strip=e;this.store=t}strip;store;made=new Map;run="";chosen;show(e,t){let r=this.store.place?.run??"",o=this.made.size>0&&!this.made.has(e);(r!==this.run||o)&&(this.strip.replaceChildren(),this.made.clear(),this.run=r);for(let[s,a]of this.made)s>=e&&s<t||(a.remove(),this.made.delete(s));for(let s=e;s<t;s++)this.made.has(s)||this.add(s)}paint(e,t,r,o){let s=this.made.get(e);if(!s)return;let a=Number.isFinite(t),i=a&&r>0?Math.max(0,Math.min(1,t/r))*lo:0,l=`${o.name} ${a?o.text(t):"not known"}`;if(s.dataset.value===l)return;s.dataset.value=l;let m=o.name==="bytes"||o.name==="ssd"||o.name==="time"?R.ssd:R.mark;s.style.background=a?`color-mix(in srgb, ${m} ${(i*100).toFixed(0)}%, transparent)`:"",s.classList.toggle("fm-unknown",!a),s.title=`token ${e}: ${l}`}mark(e){let t=this.made.get(e);t!==this.chosen&&(this.chosen?.setAttribute("aria-selected","false"),t?.setAttribute("aria-selected","true"),this.chosen=t)}scrollTo(e){let t=this.made.get(e);if(!t)return;let[r,o]=[t.offsetTop,t.offsetTop+t.offsetHeight],{scrollTop:s,clientHeight:a}=this.strip;(r<s||o>s+a)&&(this.strip.scrollTop=o-a*.7)}add(e){let t=Se(this.store,e),r=u("span","fm-token",{role:"option","data-token":String(e),"aria-selected":"false"});r.classList.toggle("fm-prompt",this.store.column("phase").at(e)!==F),r.textContent=t.replaceAll(`
`,`⏎
`).replaceAll("	","⇥	")||"∅",this.strip.append(r),this.made.set(e,r)}};function co(n,e,t){if(t<0)return"No token yet.";let r=c=>n.column(c).at(t),o=Math.exp(r("token_logprob")),s=Number.isFinite(o)?`probability ${S(o)}, ${je(n,t).toFixed(1)} bits, ${mo(r("token_rank"))}`:r("phase")===F?"what it was drawn from is not known":"given, not drawn",a=e.of(t),i=Z(n,t),l=i>1?`, shared by ${_(i)} tokens of the prompt`:"",m=a.reads?`${T(a.bytes)} read${l}, ${S(a.hitBytes/a.bytes)} from the page cache; `:"";return`Token ${t} “${B(Se(n,t))}” (id ${r("token_id")}): ${s}; ${m}${$(a.passMs)}${l&&!m?l:""}`}function mo(n){return n===0?"the likeliest":`${_(n)} were likelier`}function uo(n,e){let t=Zt(n,e);return t.length===0?"":`Drawn from: ${t.map(([r,o])=>`${fo(n,r)} ${S(o)}`).join(" · ")}`}function fo(n,e){let r=n.column("token_id").rows(0,n.tokens).indexOf(e);return r<0?`id ${e}`:`“${B(Se(n,r))}”`}var hi=U({name:"TokenStrip",hint:"TokenStrip(session), or TokenStrip(fm.load_trace(path))",make:et});function fn(n){let e=n;return(t,r=!0)=>(e=(r?n:e).filter(o=>o.draw(t,r)===!0),e.length>0)}var po=[{name:"tokens",title:"Tokens",what:"choose one: all panels show it",make:et,open:!0},{name:"router",title:"Routers",what:"the experts each layer chose",make:Ze,open:!0},{name:"reads",title:"Reads",what:"what the choice cost, on the token's clock",make:Ge,open:!0},{name:"cache",title:"Page cache",what:"what memory holds of each expert",make:Ve,open:!1},{name:"sizes",title:"Cache sizes",what:"the run replayed with other caches",make:Ne,open:!1}],ho=(n,e,t)=>{let r=u("div","fm-dash-grid");n.append(u("style","",{},Mt),u("div","fm-dash",{},r));let o=bo(r,e,t),s=new Map;for(let l of po)s.set(l.name,yo(r,l,e,t));s.get("sizes").onOpen=()=>t("replay");let a=$t(e,l=>s.get(l)?.reveal());r.insertBefore(a.el,s.get("router").el);let i=[o,a,...s.values()];return{draw:fn(i),destroy(){for(let l of i)l.destroy()}}};function yo(n,e,t,r){let o=u("span","fm-mark",{"aria-hidden":"true"}),s=u("button","fm-panel-head",{type:"button","data-name":`panel_${e.name}`});s.append(o,u("span","fm-name",{},e.title),u("span","fm-faint",{},e.what));let a=u("div","fm-panel-body"),i=u("section","fm-panel",{"data-panel":e.name,"aria-label":e.title},s,a);n.append(i);let l=e.make(a,t,r),m={el:i,onOpen:()=>{},reveal(){a.hidden&&c(!0),i.scrollIntoView({block:"nearest"})},draw:d=>a.hidden?void 0:l.draw(d),destroy:()=>l.destroy()},c=(d,f=!0)=>{a.hidden=!d,i.classList.toggle("fm-closed",!d),s.setAttribute("aria-expanded",String(d)),w(o,d?"▾":"▸"),d&&f&&m.onOpen(),t.changed()};return s.addEventListener("click",()=>c(a.hidden!==!1)),c(e.open,!1),m}function bo(n,e,t){let[r,o]=[u("div","fm-live"),u("div","")],s=u("section","fm-panel",{"data-panel":"play","aria-label":"Play"},r,o);n.append(s);let a=Fe(r,e,t),i=Lt(o,n.closest(".fm-root")??n,e),l=!1,m=e.onPart("dashboard",c=>{let d=c;l=d.plays,pn(r,"prompt",d.prompt),pn(r,"speed",String(d.tokens_per_s))});return{draw(c){let d=l&&!e.place?.complete;return r.hidden=!d,o.hidden=d,n.classList.toggle("fm-recorded",!d),i.enabled=!d,(d?a:i).draw(c)},destroy(){m(),a.destroy(),i.destroy()}}}function pn(n,e,t){let r=n.querySelector(`[data-name="${e}"]`);!r||r.dataset.filled||(r.value=t,r.dataset.filled="true")}var Ai=U({name:"Dashboard",hint:"fm.dashboard(engine), or fm.dashboard(fm.load_trace(path))",make:ho});export{Ai as default,ho as makeDashboard};
