// widgets/src sha256 c4f711f7d2fc59e580ecb2a5ee3d1b59dcb58d37c2ccd54448601e8e5665a724
var nt=`.fm-slider {
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
`;function U(n,e){let t=document.createElement("canvas");t.className="fm-canvas",t.setAttribute("role","img"),t.setAttribute("aria-label",e),n.append(t);let r=t.getContext("2d"),[o,a]=[0,0];return{canvas:t,context:r,get width(){return o},get height(){return a},fit(s){let i=globalThis.devicePixelRatio||1,l=Math.max(200,Math.floor(n.clientWidth)),d=l!==o||s!==a||t.width!==Math.round(l*i);return d&&([o,a]=[l,s],t.width=Math.round(l*i),t.height=Math.round(s*i),t.style.width=`${l}px`,t.style.height=`${s}px`),r.setTransform(i,0,0,i,0,0),d}}}var Z=class{canvas=document.createElement("canvas");context;image;constructor(){this.context=this.canvas.getContext("2d"),this.image=this.context.createImageData(1,1)}fill(e,t,r){(this.image.width!==e||this.image.height!==t)&&(this.canvas.width=e,this.canvas.height=t,this.image=this.context.createImageData(e,t));let o=new Uint32Array(this.image.data.buffer);for(let a=0;a<o.length;a++)o[a]=r(a);this.context.putImageData(this.image,0,0)}};var yn="440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",bn="00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";function rt(n){let e=n.split(" ").map(r=>Number.parseInt(r,16)),t=(r,o)=>r>>o&255;return Uint32Array.from({length:256},(r,o)=>{let a=o/255*(e.length-1),s=Math.min(Math.floor(a),e.length-2),i=l=>Math.round(t(e[s],l)*(s+1-a)+t(e[s+1],l)*(a-s));return X(i(16),i(8),i(0))})}function X(n,e,t,r=255){return(r<<24|t<<16|e<<8|n)>>>0}var K=rt(yn),O=rt(bn);function N(n,e){return n[Math.max(0,Math.min(255,Math.round(e*255)))]}function H(n){return`rgb(${n&255} ${n>>8&255} ${n>>16&255})`}var S={cache:"#009E73",partly:"#CC79A7",ssd:"#E69F00",unknown:"#999999",mark:"#0072B2"};function V(n){let e=getComputedStyle(n),t=r=>e.getPropertyValue(r).trim();return{dark:n.closest(".fm-dark")!==null,text:t("--fm-text"),faint:t("--fm-faint"),line:t("--fm-line"),paper:t("--fm-paper"),accent:t("--fm-accent"),font:e.fontFamily}}function Re(n,e,t){let r=n.findIndex(i=>t<=i);if(r<0)return e[e.length-1];if(r===0)return e[0];let[o,a]=[n[r-1],n[r]],s=Math.log(t/o)/Math.log(a/o);return e[r-1]*(1-s)+e[r]*s}function de(n,e,t){let r=n.hit_rates[n.policies.indexOf(e)];return r?Re(n.capacities,r,t):Number.NaN}function me(n,e){let[t,r]=[n.capacities[0],n.capacities[n.capacities.length-1]];return t*(r/t)**e}function Te(n,e){let[t,r]=[n.capacities[0],n.capacities[n.capacities.length-1]];return r>t?Math.log(e/t)/Math.log(r/t):0}function ue(n,e){return Math.round(e)*n.layers*n.expert_bytes}function ot(n,e){return(1-e)*n.layers*n.top_k*n.expert_bytes}function fe(n,e,t,r){let o=n.cache_bytes_per_s===null?0:n.expert_bytes/n.cache_bytes_per_s*1e3,a=r+n.expert_bytes/t*1e3,s=e*o+(1-e)*a;return 1e3/(n.other_ms+n.layers*n.top_k*s)}function at(n,e){return n.ssd_read_ns===null?.025:Math.max(0,n.ssd_read_ns/1e6-n.expert_bytes/e*1e3)}function T(n){return n.toLocaleString("en")}function R(n){for(let[e,t]of[["TB",1e12],["GB",1e9],["MB",1e6],["kB",1e3]])if(n>=t)return`${pe(n/t)} ${e}`;return`${n} B`}function $(n){return n>=1e3?`${pe(n/1e3)} s`:n>=1?`${pe(n)} ms`:`${pe(n*1e3)} µs`}function M(n){return Number.isFinite(n)?`${(n*100).toFixed(1)} %`:"unknown"}function F(n){return n.replaceAll(`
`,"⏎").replaceAll("	","⇥").replaceAll(" ","␣")}function pe(n){return n.toPrecision(3)}var[st,gn,it,xn]=[52,14,20,34];function lt(n,e,t,r){let{context:o,width:a,height:s}=n,i=m=>fe(t,m,r.ssd,r.wait),l=Math.max(...t.hit_rates.flat(),t.realised??0),d=[{title:"hit rate",most:1,value:m=>m,text:m=>M(m).replace(".0","")},{title:"tokens a second",most:vn(i(l)),value:i,text:m=>T(Number(m.toPrecision(2)))}],c=a>=700;o.clearRect(0,0,a,s),o.font=`11px ${e.font}`,d.forEach((m,f)=>{let b=c?a/2:a,h=c?s:s/2,[p,w]=[c?f*b:0,c?0:f*h],_={x:p+st,y:w+it,width:b-st-gn,height:h-it-xn};wn(o,e,t,m,_),kn(o,e,t,m,_,r)})}function wn(n,e,t,r,o){n.fillStyle=e.text,n.textAlign="left",n.textBaseline="alphabetic",n.fillText(r.title,o.x,o.y-7),n.fillStyle=e.faint,n.strokeStyle=e.line,n.lineWidth=1,n.textAlign="right",n.textBaseline="middle";for(let a of[0,.25,.5,.75,1]){let s=Math.round(o.y+o.height*(1-a))+.5;Ee(n,o.x,s,o.x+o.width,s),n.fillText(r.text(a*r.most),o.x-6,s)}n.textBaseline="top";for(let a of[0,.25,.5,.75,1]){let s=me(t,a),i=o.x+o.width*a;n.textAlign=a===0?"left":a===1?"right":"center",n.fillText(R(ue(t,s)),i,o.y+o.height+5),n.fillText(`${Math.round(s)}/layer`,i,o.y+o.height+18)}}function kn(n,e,t,r,o,{chosen:a,capacity:s,colours:i}){let l=c=>o.y+o.height*(1-Math.min(1,r.value(c)/r.most)),d=o.x+o.width*Te(t,s);n.strokeStyle=e.accent,Ee(n,d,o.y,d,o.y+o.height);for(let c of a){let m=t.hit_rates[t.policies.indexOf(c)];n.strokeStyle=n.fillStyle=i[c]??e.text,n.lineWidth=2,n.setLineDash(c==="belady"?[6,3]:[]),n.beginPath(),t.capacities.forEach((f,b)=>{n.lineTo(o.x+o.width*Te(t,f),l(m[b]))}),n.stroke(),n.setLineDash([]),n.beginPath(),n.arc(d,l(de(t,c,s)),3.5,0,2*Math.PI),n.fill()}t.realised!==null&&(n.strokeStyle=e.text,n.fillStyle=e.text,n.lineWidth=1,n.setLineDash([2,3]),Ee(n,o.x,l(t.realised),o.x+o.width,l(t.realised)),n.setLineDash([]),n.textAlign="left",n.textBaseline="bottom",n.fillText("realised",o.x+4,l(t.realised)-1<o.y+12?l(t.realised)+14:l(t.realised)-1))}function Ee(n,e,t,r,o){n.beginPath(),n.moveTo(e,t),n.lineTo(r,o),n.stroke()}function vn(n){let e=10**Math.floor(Math.log10(n));return([1,2,4,8,10].find(t=>t*e>=n)??10)*e}function u(n,e,t={},...r){let o=document.createElement(n);e&&(o.className=e);for(let[a,s]of Object.entries(t))o.setAttribute(a,s);return o.append(...r),o}function v(n,e,t,r){let o=u("button","",{type:"button","data-name":n,title:t},e);return o.addEventListener("click",r),o}function x(n,e){n.textContent!==e&&(n.textContent=e)}function Q(n,e,t){let r=u("span","fm-group",{role:"radiogroup","aria-label":n}),o=e.map(([a,s,i])=>{let l=v(a,s,i,()=>t(a));return l.setAttribute("role","radio"),r.append(l),l});return{el:r,show(a){for(let s of o)s.setAttribute("aria-checked",String(s.dataset.name===a))}}}async function ct(n){let{width:e,height:t}=n.getBoundingClientRect();if(e<1||t<1)return null;let r=n.cloneNode(!0),[o,a]=[n.querySelectorAll("canvas"),r.querySelectorAll("canvas")];o.forEach((l,d)=>{let c=new Image;c.src=l.toDataURL(),c.setAttribute("style",`${l.getAttribute("style")};display:block`),a[d].replaceWith(c)}),Sn(n,r);let s=new XMLSerializer().serializeToString(r),i=`<svg xmlns="http://www.w3.org/2000/svg" width="${e}" height="${t}"><foreignObject width="100%" height="100%">${s}</foreignObject></svg>`;try{return await Mn(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(i)}`,e,t)}catch{return null}}function Sn(n,e){let t=getComputedStyle(n);for(let r of["text","faint","line","paper","raised","accent","warn","error"])e.style.setProperty(`--fm-${r}`,t.getPropertyValue(`--fm-${r}`));e.style.font=t.font}async function Mn(n,e,t){let r=new Image;r.src=n,await r.decode();let o=document.createElement("canvas");o.width=Math.round(e),o.height=Math.round(t),o.getContext("2d").drawImage(r,0,0);let a=await new Promise(s=>o.toBlob(s,"image/png"));return a?a.arrayBuffer():null}function dt(n,e,t){if(n.ctrlKey||n.metaKey||n.altKey)return!1;let r=n.target.closest("input, select, textarea")!==null;if(n.key==="Escape")e.select({layer:-1,expert:-1,token:-1,following:!0});else{if(r)return!1;if(n.key==="ArrowLeft"||n.key==="ArrowRight")_n(e,n.key==="ArrowRight"?1:-1);else if(n.key==="ArrowUp"||n.key==="ArrowDown")Rn(e,n.key==="ArrowDown"?1:-1);else if(n.key===" "&&!n.target.closest("button"))t("toggle");else return!1}return!0}function _n(n,e){let t=Math.max(0,Math.min(n.tokens-1,n.shownToken+e));n.tokens&&n.select({token:t,following:!1})}function Rn(n,e){let t=n.facts?.sparse_layers??[];if(t.length===0)return;let r=n.layerRow(n.selection.layer),o=r<0?e>0?0:t.length-1:Math.max(0,Math.min(t.length-1,r+e));n.select({layer:t[o],expert:-1})}var mt="fm-page",ut;function ft(n){ut=n,queueMicrotask(()=>{ut===n&&Tn(n)})}function Tn(n){let e=document.getElementById(mt),t=document.getElementById(`${mt}-data`);if(!e||!t)return;let{traits:r,run:o}=JSON.parse(t.textContent??"{}"),a=n(),s=$n({...r,run:En(o)});a.initialize({model:s}),a.render({model:s,el:e})}function En(n){return new DataView(Uint8Array.from(atob(n),e=>e.charCodeAt(0)).buffer)}function $n(n){return{get:e=>n[e],set:(e,t)=>{n[e]=t},save_changes:()=>{},send:()=>{},on:()=>{},off:()=>{}}}var re=class{constructor(e,t,r=96e6){this.width=t;this.mostBytes=r;this.data=e}width;mostBytes;first=0;end=0;data;has(e){return e>=this.first&&e<this.end}at(e,t=0){return this.has(e)?this.data[(e-this.first)*this.width+t]:Number.NaN}rows(e,t=e+1){let r=Math.max(e,this.first)-this.first,o=Math.min(t,this.end)-this.first;return this.data.subarray(r*this.width,Math.max(r,o)*this.width)}append(e,t){let r=Math.max(0,this.end-e),o=this.width?t.length/this.width:0;e>this.end&&(this.first=this.end=e);let a=t.subarray(r*this.width);a.length!==0&&(this.reserve(a.length),this.data.set(a,(this.end-this.first)*this.width),this.end=e+o)}reserve(e){let t=(this.end-this.first)*this.width;if(t+e<=this.data.length)return;let r=this.data.subarray(0,t);if((t+e)*this.data.BYTES_PER_ELEMENT>this.mostBytes&&this.width>1){let o=Math.floor((this.end-this.first)/2);this.data=this.grown(r.subarray(o*this.width),e),this.first+=o}else this.data=this.grown(r,Math.max(e,t))}grown(e,t){let r=this.data.constructor,o=new r(e.length+t);return o.set(e),o}};var C=255,oe=class{facts=null;place=null;tokens=0;reads=0;countsBefore=new Uint32Array(0);residency=new Uint8Array(0);selection={token:-1,layer:-1,expert:-1,following:!0};connected=!1;error="";received={messages:0,rows:0,snapshots:0};columns=new Map;listeners=new Set;handlers=new Map;kept=new Map;column(e){let t=this.columns.get(e);return t||(t=new re(new Float32Array(0),1),this.columns.set(e,t)),t}get routedFirst(){return this.column("expert_ids").first}get keptExperts(){return this.column("expert_ids").width/Math.max(1,this.facts?.sparse_layers.length??1)}get shownToken(){let{token:e,following:t}=this.selection;return t||e<0||e>=this.tokens?this.tokens-1:e}layerRow(e){return this.facts?this.facts.sparse_layers.indexOf(e):-1}text(e,t=e+1){let r=this.column("text_start").at(e),o=this.column("text_end").at(Math.min(t,this.tokens)-1);return Number.isNaN(r+o)?"":new TextDecoder().decode(this.column("text").rows(r,o))}readsOf(e){let t=this.column("pass_start").at(e),r=this.column("read_token");return[ae(r,t),ae(r,t+1)]}apply(e){let t=JSON.parse(e.metadata.place);if(t.run!==this.place?.run){if(!e.metadata.facts)return"gap";this.reset(JSON.parse(e.metadata.facts))}else if(t.token_row>this.tokens)return"gap";let r=e.tensors.get("token_id")?.shape[0]??0,o=t.complete!==this.place?.complete;this.place=t;let a=this.tokens;return(t.token_row+r>this.tokens||o||r===0)&&this.take(e,t,r),this.changed(),this.tokens>a||o?"applied":"nothing new"}setResidency(e,t){let r=this.layerRow(e);r<0||!this.facts||(this.residency.set(t,r*this.facts.num_experts),this.changed())}select(e){let t={...this.selection,...e};Object.keys(t).every(o=>t[o]===this.selection[o])||(Object.assign(this.selection,e),this.changed())}onChange(e){return this.listeners.add(e),()=>this.listeners.delete(e)}changed(){for(let e of this.listeners)e()}onPart(e,t){let r=this.handlers.get(e)??new Set;this.handlers.set(e,r.add(t));let o=this.kept.get(e);return o&&t(o,[]),()=>r.delete(t)}keeps(e){return this.kept.has(e)}keep(e){this.kept.set(e.kind,e),this.hand(e,[])}hand(e,t){for(let r of this.handlers.get(e.kind)??[])r(e,t);this.changed()}reset(e){let t=e.sparse_layers.length*e.num_experts;this.facts=e,this.place=null,this.tokens=this.reads=0,this.columns=new Map,this.countsBefore=new Uint32Array(t),this.residency=new Uint8Array(t).fill(C),this.error=""}take(e,t,r){let o=e.tensors.get("counts_before");o&&t.routed_row>this.column("expert_ids").end&&this.countsBefore.set(o.values);for(let[a,s]of e.tensors)a!=="counts_before"&&(this.column(a).end===0&&this.columns.set(a,Cn(s)),this.put(a,Ln(a,t),s.values));this.tokens=Math.max(this.tokens,t.token_row+r),this.reads=this.column("read_token").end}put(e,t,r){let o=this.column(e);if(e!=="expert_ids"){o.append(t,r);return}let[a,s]=[o.first,o.rows(o.first,o.end)];o.append(t,r),o.first>a&&o.first<t&&this.count(s.subarray(0,(o.first-a)*o.width))}count(e){let{num_experts:t,sparse_layers:r}=this.facts;for(let o=0;o<e.length;o++){let a=Math.floor(o/this.keptExperts)%r.length;e[o]<t&&this.countsBefore[a*t+e[o]]++}}},An=new Set(["expert_ids","routing_weights","router_entropy","kept_mass","router_margin"]);function Ln(n,e){return n==="text"?e.text_byte:n.startsWith("read_")?e.read_row:n.startsWith("patch_")?e.patch_row:An.has(n)||n.startsWith("layer_")?e.routed_row:e.token_row}function Cn(n){let e=n.shape.slice(1).reduce((t,r)=>t*r,1);return new re(n.values.slice(0,0),e)}function ae(n,e){let[t,r]=[n.first,n.end];for(;t<r;){let o=t+r>>1;n.at(o)<e?t=o+1:r=o}return t}var pt=`.fm-root {
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
`;var ht={F64:Float64Array,F32:Float32Array,I32:Int32Array,I16:Int16Array,U32:Uint32Array,U16:Uint16Array,U8:Uint8Array};function $e(n){let e=Number(n.getBigUint64(0,!0)),t=new TextDecoder().decode(new Uint8Array(n.buffer,n.byteOffset+8,e)),r=JSON.parse(t),o=r.__metadata__??{},a=n.byteOffset+8+e,s=new Map;for(let[i,{dtype:l,shape:d,data_offsets:c}]of Object.entries(r)){if(i==="__metadata__")continue;let m=ht[l];if(!m)throw new Error(`array "${i}" has the type ${l}, expected one of ${Object.keys(ht).join(", ")}`);let f=new m(n.buffer.slice(a+c[0],a+c[1]));s.set(i,{shape:d,values:f})}return{metadata:o,tensors:s}}var Ae=["token","layer","expert","following"],se=class{constructor(e,t){this.model=e;this.store=t;e.on("msg:custom",(r,o)=>this.receive(r,o)),e.on("change:run",()=>this.load()),e.on("change:state",()=>this.kept());for(let r of Ae)e.on(`change:${r}`,()=>this.selected([r]));e.on("comm_live_update",()=>this.gone()),this.load(),this.kept(),this.selected(Ae),t.onChange(()=>this.publish()),this.ask()}model;store;painted={token:-1,frames:0,latencies:[]};asked=!1;seq=0;toldPainted=-1;send=(e,t={})=>{this.tell({kind:"command",name:e,args:t})};picture(e){this.tell({kind:"picture"},[e])}tell(e,t=[]){if(this.store.connected)try{this.model.send(e,void 0,t)}catch{this.gone()}}receive(e,t){if(e?.parts===void 0)return;this.store.connected=!0;let r=0;for(let o of e.parts){let a=t.slice(r,r+o.n_buffers);r+=o.n_buffers,o.kind==="rows"?this.rows(a[0]):o.kind==="residency"?this.store.setResidency(o.layer,Pn(a[0])):this.other(o,a)}this.store.received.messages++,this.seq=e.seq,this.acknowledge()}settle(){this.painted.token!==this.toldPainted&&this.acknowledge()}acknowledge(){let{token:e,frames:t,latencies:r}=this.painted;this.toldPainted=e,this.tell({kind:"ack",seq:this.seq,painted:e,frames:t,latencies:r.splice(0)})}rows(e){let t=this.store.tokens;this.store.apply($e(e))==="gap"?this.ask():this.asked=!1,this.store.received.rows+=Math.max(0,this.store.tokens-t)}other(e,t){e.kind==="hello"&&(this.asked=!1),e.kind==="error"&&(this.store.error=String(e.text)),this.store.hand(e,t)}load(){let e=this.model.get("run");!e||e.byteLength===0||this.store.apply($e(e))==="applied"&&this.store.received.snapshots++}kept(){for(let e of Object.values(this.model.get("state")??{}))this.store.keep(e)}ask(){this.asked||(this.asked=!0,this.model.send({kind:"snapshot?",run:this.store.place?.run??"",tokens:this.store.tokens}))}selected(e){let t=Object.fromEntries(e.map(r=>[r,this.model.get(r)]));this.store.select(t)}publish(){let{model:e,store:t}=this,r=Ae.filter(o=>e.get(o)!==t.selection[o]);for(let o of r)e.set(o,t.selection[o]);r.length&&e.save_changes()}gone(){this.store.connected=!1,this.store.changed()}};function Pn(n){return new Uint8Array(n.buffer,n.byteOffset,n.byteLength)}var Nn=1500;function P(n){let e=()=>{let t;return{initialize({model:r}){t=new se(r,new oe)},render({model:r,el:o}){return t??=new se(r,new oe),Hn(n,o,t)}}};return ft(e),e}function Hn(n,e,t){let{store:r,send:o}=t,a=n.ready??(p=>p.facts!==null),s=Un(n,a);e.append(s.root);let i=n.make(s.body,r,o),[l,d,c]=[0,0,0],m=()=>{l||=requestAnimationFrame(f)},f=p=>{l=0,s.show(r),a(r)&&i.draw(p)&&m(),Dn(t),d=p,s.status(t),clearTimeout(c),c=setTimeout(b,Nn)},b=async()=>{if(t.settle(),!a(r)||!r.connected||document.hidden||d===0)return;let p=await ct(s.root);p&&t.picture(p)},h=[r.onChange(m),Bn(s.root,m),In(s.root,m)];return s.root.addEventListener("keydown",p=>{dt(p,r,o)&&(p.preventDefault(),p.stopPropagation())}),m(),()=>{for(let p of h)p();cancelAnimationFrame(l),clearTimeout(c),i.destroy(),s.root.remove()}}function Dn({store:n,painted:e}){e.frames++;let t=n.tokens-1;if(t===e.token)return;e.token=t;let r=Date.now()-(n.place.epoch_ms+n.column("end_ms").at(t));!n.place.complete&&e.latencies.length<100&&e.latencies.push(Math.round(r*10)/10)}function Un(n,e){let t=u("style","",{},pt),r=u("span","fm-of"),o=u("div","fm-head",{},u("span","fm-name",{},n.name),r),a=u("div","fm-body"),s=u("div","fm-empty",{},"Nothing to show yet. ",u("code","",{},n.hint)),i=u("div","fm-error",{role:"alert"}),l=u("div","fm-status"),d=u("div","fm-root",{role:"group","aria-label":n.name,tabindex:"0"});return d.append(t,o,a,s,i,l),{root:d,body:a,show(c){a.hidden=!e(c),s.hidden=e(c),x(r,c.facts?Vn(c):""),x(i,c.error),i.hidden=c.error===""},status({store:c,painted:m}){let{messages:f,rows:b,snapshots:h}=c.received;Object.assign(l.dataset,{tokens:c.tokens,painted:m.token,frames:m.frames}),Object.assign(l.dataset,{messages:f,rows:b,snapshots:h,connected:c.connected,shown:c.shownToken}),x(l,c.facts?Fn(c,m.token):"")}}}function Vn(n){let e=n.place?.complete?"recorded":"recording";return`${n.facts.label} · ${e} · ${n.facts.machine}`}function Fn(n,e){let{messages:t,rows:r}=n.received,o=`${T(n.tokens)} tokens, ${T(n.reads)} reads, newest painted: ${e<0?"none":e}`,a=t>1&&r>0?` · ${T(r)} live in ${T(t)} messages`:"",s=n.routedFirst,i=s>0?` · routing from token ${T(s)} on (${M(1-s/n.tokens)})`:"",l=t===0?"":" · no kernel: what it sent last";return o+a+i+(n.connected?"":l)}function In(n,e){let t=new ResizeObserver(e);return t.observe(n),()=>t.disconnect()}function Bn(n,e){let t=matchMedia("(prefers-color-scheme: dark)"),r=()=>{let a=getComputedStyle(n).getPropertyValue("--jp-ui-font-color1")!=="";n.classList.toggle("fm-plain",!a),n.classList.toggle("fm-dark",a?zn(n):t.matches),e()},o=new MutationObserver(r);return o.observe(document.body,{attributes:!0}),t.addEventListener("change",r),requestAnimationFrame(r),()=>{o.disconnect(),t.removeEventListener("change",r)}}function zn(n){let[e,t,r]=(getComputedStyle(n).backgroundColor.match(/[\d.]+/g)??["255","255","255"]).map(Number);return .299*e+.587*t+.114*r<128}var xt={lru:"LRU",lfu:"LFU",fifo:"FIFO",belady:"oracle (Belady)"},wt={lru:S.mark,lfu:S.cache,fifo:S.partly,belady:S.ssd},Le=(n,e,t)=>{let r=null,o="",a=new Set(["lru","lfu","belady"]),s=yt("size","Size of the cache"),i=yt("ssd","Speed of the SSD");[s.value,i.value]=["0.6","0.5"];let l=u("input","",{type:"number",min:"0",step:"any","data-name":"latency"});l.setAttribute("aria-label","Microseconds a miss waits beside its bytes");let d=v("replay","Replay","Replay the tokens decoded so far",()=>t("replay")),c=u("output","fm-value",{"data-name":"size_text"}),m=u("output","fm-value",{"data-name":"ssd_text"}),f=u("span","fm-row"),b=u("table","",{"data-name":"table"}),h=u("div","fm-says",{"data-name":"says"}),p=u("div",""),w=u("div","fm-row",{},u("label","",{},"Cache ",s," ",c));w.append(u("label","",{},"SSD ",i," ",m),u("label","",{},l," µs a miss"),d),n.append(u("style","",{},nt),w,f,p,b,h);let _=U(p,"Hit rate and tokens a second over the size of the cache");for(let g of[s,i,l])g.addEventListener("input",()=>e.changed());let y=e.onPart("cache_sim",g=>{let k=r===null;o=String(g.note??""),r=g.sim??null,r&&(k&&(l.value=(at(r,bt(i))*1e3).toPrecision(2)),f.replaceChildren(...r.policies.map(E=>Wn(E,a,()=>e.changed()))))});return{draw(){if(d.disabled=!e.connected,n.classList.toggle("fm-without",r===null),x(h,r?Yn(r,o):o||"Not replayed yet."),!r)return;let g=me(r,Number(s.value)),k=bt(i),E=Math.max(0,Number(l.value)||0)/1e3;x(c,`${R(ue(r,g))} = ${Math.round(g)} experts a layer`),x(m,`${R(k)}/s`),Object.assign(n.dataset,{capacity:Math.round(g),ssd:k}),_.fit(p.clientWidth<700?380:240);let A=r.policies.filter(B=>a.has(B));lt(_,V(n),r,{chosen:A,capacity:g,ssd:k,wait:E,colours:wt}),b.replaceChildren(...jn(r,g,k,E))},destroy:y}};function yt(n,e){let t=u("input","fm-slider",{type:"range",min:"0",max:"1",step:"0.002","data-name":n});return t.setAttribute("aria-label",e),t}function bt(n){return 5e7*1e3**Number(n.value)}function Wn(n,e,t){let r=u("input","",{type:"checkbox","data-name":`policy_${n}`});r.checked=e.has(n),r.addEventListener("change",()=>{r.checked?e.add(n):e.delete(n),t()});let o=u("i","fm-stroke");return o.style.background=wt[n]??S.unknown,u("label","",{},r," ",o,xt[n]??n)}function jn(n,e,t,r){let o=de(n,"belady",e),s=[u("tr","",{},...["at this size","hit rate","of the oracle's","from SSD a token","tokens/s"].map(i=>u("th","",{},i)))];for(let i of n.policies){let l=Re(n.capacities,n.hit_rates[n.policies.indexOf(i)],e);s.push(gt(i,xt[i]??i,n,l,o,t,r))}return n.realised!==null&&s.push(gt("realised","realised (page cache)",n,n.realised,o,t,r)),s}function gt(n,e,t,r,o,a,s){let l=[M(r),n==="realised"?"":M(o>0?r/o:1),R(Math.round(ot(t,r))),fe(t,r,a,s).toPrecision(3)].map(d=>u("td","",{},d));return u("tr","",{"data-policy":n},u("th","",{scope:"row"},e),...l)}function Yn(n,e){let t=n.hit_rates[n.policies.indexOf("belady")]?.at(-1)??1,r=n.realised===null?"What the page cache really held was not measured.":`The page cache really held ${M(n.realised)} of the bytes (later half of the run; unlike a replay it may not have been empty at the start).`;return`${n.tokens} decoded tokens replayed after ${n.warmup} that filled the cache; a cache is per layer, all of one size. No cache hits more than ${M(t)}: the rest are first uses. ${r} Tokens/s: this run's time beside reads, and every miss in turn.${e?` ${e}`:""}`}var qo=P({name:"CacheSim",hint:"CacheSim(session), or CacheSim(fm.load_trace(path))",make:Le});var kt=`.fm-dash {
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
  .fm-dash .fm-chain {
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
`;var he={PAGE_CACHE:0,PARTLY:1,SSD:2,INFERRED_PAGE_CACHE:3,INFERRED_SSD:4},ye=["page cache","partly page cache","SSD","page cache, inferred from its time","SSD, inferred from its time"],ee=[S.cache,S.partly,S.ssd,S.cache,S.ssd];function vt(n){return n.source===he.PARTLY?n.before:n.source===he.PAGE_CACHE||n.source===he.INFERRED_PAGE_CACHE?1:0}function Ce(n){return n>=he.INFERRED_PAGE_CACHE}function Oe(n,e){let[t,r]=n.readsOf(e);return Array.from({length:Math.max(0,r-t)},(o,a)=>Xn(n,t+a))}function Xn(n,e){let t=r=>n.column(`read_${r}`).at(e);return{row:e,layer:t("layer"),expert:t("expert"),thread:t("thread"),bytes:t("bytes"),start:t("start_ms"),end:t("end_ms"),before:t("resident_fraction_before"),source:t("source")}}function Kn(n,e){let t=r=>qn(r.map(o=>[o.start,o.end]));return{reads:n.length,bytes:n.reduce((r,o)=>r+o.bytes,0),hitBytes:n.reduce((r,o)=>r+o.bytes*vt(o),0),inferred:n.some(r=>Ce(r.source)),readMs:t(n),ssdMs:t(n.filter(r=>vt(r)<1)),passMs:e}}function St(n){let e=t=>n.reduce((r,o)=>r+o[t],0);return{reads:e("reads"),bytes:e("bytes"),hitBytes:e("hitBytes"),inferred:n.some(t=>t.inferred),readMs:e("readMs"),ssdMs:e("ssdMs"),passMs:e("passMs")}}function qn(n){let[e,t]=[0,Number.NEGATIVE_INFINITY];for(let[r,o]of[...n].sort((a,s)=>a[0]-s[0]))e+=Math.max(0,o-Math.max(r,t)),t=Math.max(t,o);return e}var j=class{constructor(e){this.store=e}store;run="";known=new Map;of(e){let t=this.store.place?.run??"";t!==this.run&&this.known.clear(),this.run=t;let r=this.store.column("pass_start").at(e),o=this.known.get(r);if(o)return o;let a=this.store.column("end_ms").at(e)-this.store.column("start_ms").at(e),s=Kn(Oe(this.store,e),a);return s.reads>0&&this.known.set(r,s),s}recent(e,t){let r=[];for(let o=e;o>=0&&r.length<t;o--)this.store.column("phase").at(o)===Y&&r.push(this.of(o));return r.reverse()}},Y=1;var z=254;function Mt(n){let e=n.facts,t=new Uint8Array(e.sparse_layers.length*e.num_experts).fill(C);if(!e.residency_per_expert)return{shares:t,swept:!1};let[,r]=n.readsOf(n.shownToken),[o,a]=[n.column("read_layer"),n.column("read_expert")],s=n.column("read_resident_fraction_before");for(let i=o.first;i<r;i++){let l=s.at(i),d=n.layerRow(o.at(i));d>=0&&!Number.isNaN(l)&&(t[d*e.num_experts+a.at(i)]=Jn(l))}return{shares:t,swept:!1}}function Jn(n){return n<=0?0:n>=1?z:Math.max(1,Math.min(z-1,Math.round(n*z)))}function te(n,e){let t=0;for(let r of n)r!==C&&(t+=r);return Math.round(t/z*e)}function ie(n){let e=0;for(let t of n)e+=t===C?0:1;return e}function _t(n){return n===C?"unknown":n===0?"not resident":n===z?"resident":`${M(n/z)} of its pages resident`}var Zn=[["tokens","Token"],["router","Choices"],["reads","Reads"],["cache","Page cache"]];function Et(n,e){let t=new j(n),r=u("div","fm-chain",{role:"group","aria-label":"The token that is shown"}),o=Zn.map(([a,s])=>{let i=u("span","fm-link-text"),l=u("button","fm-link",{type:"button","data-name":`link_${a}`,title:`Show ${s}`});return l.append(u("span","fm-link-title",{},s),i),l.addEventListener("click",()=>e(a)),r.append(l),i});return{el:r,draw(){for(let[a,s]of Qn(n,t).entries())x(o[a],s)},destroy:()=>{}}}function Qn(n,e){let t=n.shownToken;if(t<0)return["none yet","none yet","none yet",Tt(n)];let r=n.column("phase").at(t)===Y?"output":"prompt";return[`${T(t)} “${F(n.text(t))}” · ${r}`,er(n,t),tr(e,t),Tt(n)]}function er(n,e){let t=n.column("expert_ids");if(!t.has(e))return"older than what is kept here";let{sparse_layers:r,top_k:o}=n.facts,a=`${o} × ${r.length} layers`;if(!t.has(e-1))return a;let s=Rt(n,e-1),i=[...Rt(n,e)].filter(l=>s.has(l)).length;return`${a} · ${i} of ${o*r.length} again`}function Rt(n,e){let[t,{num_experts:r}]=[n.keptExperts,n.facts],a=Array.from(n.column("expert_ids").rows(e),Number).map((s,i)=>s<r?Math.floor(i/t)*r+s:-1);return new Set(a.filter(s=>s>=0))}function tr(n,e){let t=n.of(e);return t.reads===0?"none here":`${R(t.bytes)} in ${$(t.readMs)} of ${$(t.passMs)} · ${M(t.hitBytes/t.bytes)} hits`}function Tt(n){let e=n.facts;if(!e.residency_per_expert)return"experts share pages";let t=e.expert_bytes*n.residency.length;if(ie(n.residency)>0){let r=te(n.residency,e.expert_bytes);return`${R(r)} of ${R(t)} · ${M(r/t)}`}return"as the reads found it"}var $t=10;function At(n,e,t){let r=!1,o=0,a=()=>{r=!r,r&&t.shownToken>=t.tokens-1&&Pe(t,0),t.changed()},s=w=>{r=!1,Pe(t,t.shownToken+w)},i=v("replay_play","▶ replay","Go through the tokens (space)",a),l=v("replay_back","◂ back","One token back (left)",()=>s(-1)),d=v("replay_step","▸ step","One token on (right)",()=>s(1)),c=v("replay_start","⏮ start","To the first token",()=>s(-t.tokens)),m=u("input","",{type:"number",min:"0.5",step:"any",value:String($t)});m.dataset.name="replay_speed";let f=u("span","fm-faint",{"data-name":"replay_says",role:"status"}),b=u("label","",{},m," tokens/s");n.append(u("div","fm-row fm-playback",{role:"toolbar","aria-label":"replay"},i,l,d,c,b,f));let h=w=>{let _=w.target;!p.enabled||w.key!==" "||_.closest("button, input, select, textarea")||(a(),w.preventDefault(),w.stopPropagation())};e.addEventListener("keydown",h);let p={enabled:!1,draw(w){return r&&w-o>=1e3/nr(m)&&(o=w,t.shownToken<t.tokens-1?Pe(t,t.shownToken+1):r=!1),x(i,r?"❚❚ pause":"▶ replay"),x(f,`a recorded run · token ${T(t.shownToken+1)} of ${T(t.tokens)}`),l.disabled=c.disabled=t.shownToken<=0,d.disabled=t.shownToken>=t.tokens-1,r},destroy:()=>e.removeEventListener("keydown",h)};return p}function Pe(n,e){n.select({token:Math.max(0,Math.min(n.tokens-1,e)),following:!1})}function nr(n){let e=Number(n.value);return e>0?e:$t}function Lt(n,e){let t=-1,r=v("evict_layer","","Drop this layer's experts from the page cache",()=>e("evict",{layer:t})),o=v("evict_all","Evict all …","Drop every expert from the page cache; asks first",()=>{c.hidden=!1,l.focus()}),a=v("warm_layer","","Read this layer's experts into the page cache",()=>e("warm",{layer:t})),s=v("warm_all","Warm all","Read every expert into the page cache, as far as it fits",()=>e("warm")),i=u("span",""),l=v("evict_sure","Evict all","Drop every expert",()=>{c.hidden=!0,e("evict")}),d=v("evict_keep","Keep","Leave the page cache as it is",()=>{c.hidden=!0,o.focus()}),c=u("div","fm-row fm-banner",{role:"alertdialog","data-name":"question"},i,l,d);c.hidden=!0;let m=[r,o,a,s];return{buttons:m,question:c,draw(f,b,h){t=f;for(let g of[...m,l])g.disabled=h;for(let g of m)g.hidden=!b;b||(c.hidden=!0),x(r,`Evict layer ${f}`),x(a,`Warm layer ${f}`);let{expert_bytes:p,num_experts:w,sparse_layers:_}=n.facts,y=R(p*w*_.length);x(i,`Drop all experts (${y}) from the page cache? The next tokens read them from the SSD again.`)}}}var Ct=`.fm-legend {
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
`;var W=46,Nt=54,Ht="#D55E00";function Ne(n,e,t,r=6){return{rows:n,experts:e,rowHeight:r,cell:Math.max(1,t-W-Nt)/e}}function He(n,e,t){let[r,o]=[Math.floor((t-2)/n.rowHeight),Math.floor((e-W)/n.cell)],a=r>=0&&r<n.rows;return[a?r:-1,a&&o>=0&&o<n.experts?o:-1]}function Dt(n,e,t,r,o,a,s){let{context:i,width:l,height:d}=n,{rowHeight:c,cell:m,experts:f}=r;i.clearRect(0,0,l,d),i.imageSmoothingEnabled=!1,i.font=`11px ${e.font}`,i.textBaseline="middle",t.facts.sparse_layers.forEach((b,h)=>{let p=2+h*c,w=c>9?2:.5;i.drawImage(o,0,h,f,1,W,p,m*f,c-w),i.fillStyle=b===t.selection.layer?e.accent:e.faint,(c>=12||h%4===0)&&(i.textAlign="left",i.fillText(`L${b}`,4,p+c/2),i.textAlign="right",i.fillText(or(a.subarray(h*f,(h+1)*f)),l-4,p+c/2)),b===t.selection.layer&&Ot(i,e.accent,W-1,p-1,m*f+2,c);for(let _ of s(h))Ot(i,Ht,W+_*m,p,Math.max(2,m),c-w)})}function Ot(n,e,t,r,o,a){n.strokeStyle=e,n.lineWidth=1,n.strokeRect(t,r+.5,o,a-1)}function or(n){let e=n.filter(t=>t!==C);return e.length===0?"?":`${(e.reduce((t,r)=>t+r,0)/e.length/z*100).toFixed(0)} %`}function be(n,e){let t=Math.max(1,e-W-Nt),r=Math.min(22,Math.max(8,Math.floor(t/Math.ceil(n/12)))),o=Math.max(1,Math.floor(t/r));return{columns:o,size:r,height:Math.ceil(n/o)*r+2,experts:n}}function De(n,e,t){let r=Math.floor((e-W)/n.size),o=Math.floor(t/n.size)*n.columns+r;return r>=0&&r<n.columns&&o>=0&&o<n.experts?o:-1}function Ut(n,e,t,r,o,a){let{context:s,width:i,height:l}=n,d=t.size-2;s.clearRect(0,0,i,l),r.forEach((c,m)=>{let f=W+m%t.columns*t.size,b=Math.floor(m/t.columns)*t.size+1;if(s.fillStyle=c===C?e.line:H(N(O,0)),s.fillRect(f,b,d,d),c!==C&&c>0){let h=c/z*d;s.fillStyle=H(N(O,1)),s.fillRect(f,b+d-h,d,h)}}),s.lineWidth=Math.min(2,d/4);for(let c of o)Pt(s,t,c,Ht);a>=0&&a<t.experts&&Pt(s,t,a,e.accent)}function Pt(n,e,t,r){n.strokeStyle=r;let o=W+t%e.columns*e.size,a=Math.floor(t/e.columns)*e.size+1;n.strokeRect(o-.5,a-.5,e.size-1,e.size-1)}var Ue=(n,e,t)=>{let r={state:"none",text:""},o=v("sweep","Pause","Stop asking the system, or go on",()=>t(r.state==="paused"?"resume":"pause")),a=Lt(e,t),s=u("div","fm-says",{"data-name":"says"}),i=u("div","fm-says",{"data-name":"detail"}),l=u("div","fm-tip");l.hidden=!0;let[d,c]=[u("div",""),u("div","")];n.append(u("style","",{},Ct),u("div","fm-row",{},...a.buttons,o),a.question),n.append(s,d,i,c,lr(),l);let m=U(d,"Share of every expert that the page cache holds, a row for each layer"),f=U(c,"The experts of one layer, filled as far as they are resident"),b=new Z,h=Ne(0,1,1),p={shares:e.residency,swept:!0},w=[e.onPart("sweep",y=>{r=y}),e.onPart("residency_seen",y=>{e.connected||ar(e,y.layers)})];m.canvas.addEventListener("click",y=>{let[g,k]=He(h,y.offsetX,y.offsetY);g>=0&&e.select({layer:e.facts.sparse_layers[g],expert:k})}),f.canvas.addEventListener("click",y=>{let g=De(be(e.facts.num_experts,f.width),y.offsetX,y.offsetY);g>=0&&e.select({layer:ne(e),expert:g})});let _=(y,g,k,E)=>{if(l.hidden=y<0||g<0,l.hidden)return;let A=e.facts.sparse_layers[y],B=p.shares[y*e.facts.num_experts+g],J=Vt(e,y).has(g)?`
chosen for this token`:"";x(l,`layer ${A}, expert ${g}
${_t(B)}${J}`),l.style.left=`${Math.max(0,Math.min(k.offsetLeft+E.offsetX+14,n.clientWidth-190))}px`,l.style.top=`${k.offsetTop+E.offsetY+16}px`};m.canvas.addEventListener("pointermove",y=>{let[g,k]=He(h,y.offsetX,y.offsetY);_(g,k,d,y)}),f.canvas.addEventListener("pointermove",y=>{let g=De(be(e.facts.num_experts,f.width),y.offsetX,y.offsetY);_(e.layerRow(ne(e)),g,c,y)});for(let y of[m,f])y.canvas.addEventListener("pointerleave",()=>{l.hidden=!0});return{draw(){let y=e.facts,g=V(n),k=g.dark?X(58,58,58):X(224,224,224);p=ie(e.residency)>0?{shares:e.residency,swept:!0}:Mt(e);let E=Math.max(6,Math.min(22,Math.floor(360/y.sparse_layers.length)));m.fit(y.sparse_layers.length*E+4),h=Ne(y.sparse_layers.length,y.num_experts,m.width,E),b.fill(y.num_experts,y.sparse_layers.length,_e=>{let tt=p.shares[_e];return tt===C?k:N(O,tt/254)});let A=_e=>Vt(e,_e);Dt(m,g,e,h,b.canvas,p.shares,A);let B=e.layerRow(ne(e)),J=be(y.num_experts,f.width);f.fit(J.height);let Me=p.shares.subarray(B*y.num_experts,(B+1)*y.num_experts);Ut(f,g,J,Me,A(B),e.selection.expert);let et=te(p.shares,y.expert_bytes);x(s,sr(e,p,et,r)),Object.assign(s.dataset,{resident:et,swept:ie(e.residency),state:r.state}),x(i,ir(ne(e),Me,y.expert_bytes,A(B).size)),Object.assign(i.dataset,{layer:ne(e),resident:te(Me,y.expert_bytes)}),o.hidden=r.state==="none"||!e.connected,x(o,r.state==="paused"?"Go on looking":"Pause looking"),a.draw(ne(e),r.state!=="none"&&e.connected,r.state==="busy")},destroy:()=>{for(let y of w)y()}}};function ar(n,e){for(let[t,r]of Object.entries(e))n.setResidency(Number(t),Uint8Array.from(atob(r),o=>o.charCodeAt(0)))}function ne(n){let{layer:e}=n.selection;return n.layerRow(e)>=0?e:n.facts?.sparse_layers[0]??-1}function Vt(n,e){let t=n.keptExperts;return new Set(n.column("expert_ids").rows(n.shownToken).subarray(e*t,(e+1)*t))}function sr(n,e,t,r){let o=n.facts;if(!o.residency_per_expert)return`Experts of ${R(o.expert_bytes)} share pages with their neighbours: what is resident of one cannot be told. Open a packed copy (“flashmoe pack”).`;let a=o.expert_bytes*e.shares.length;if(e.swept){let i=r.text?` · ${r.text}`:"";return`${R(t)} of ${R(a)} of experts are in the page cache (${M(t/a)})${i}`}let s=r.text||"no page cache is asked: attach a session to see it live.";return`As the reads up to token ${n.shownToken} found it: what they did not touch is unknown; ${s}`}function ir(n,e,t,r){let[o,a]=[e.filter(l=>l===254),e.filter(l=>l>0&&l<254)],s=e.filter(l=>l===C).length,i=s?`, ${s} unknown`:"";return`Layer ${n}: ${o.length} of ${e.length} experts resident, ${a.length} in part${i}, ${R(te(e,t))}; ${r} chosen for this token (outlined)`}function lr(){let n=u("i","fm-ramp"),e=Array.from({length:9},(r,o)=>`#${cr(N(O,o/8))}`);n.style.background=`linear-gradient(90deg, ${e.join(", ")})`;let t=[u("span","fm-faint",{},"not resident ",n," resident"),u("span","fm-faint",{},u("i","fm-box fm-box-unknown"),"unknown"),u("span","fm-faint",{},u("i","fm-box fm-box-routed"),"chosen for this token")];return u("div","fm-row fm-legend",{},...t)}function cr(n){return[n&255,n>>8&255,n>>16&255].map(t=>t.toString(16).padStart(2,"0")).join("")}var Aa=P({name:"PageCacheView",hint:"PageCacheView(session), or PageCacheView(fm.load_trace(path))",make:Ue});var Ft=`.fm-player input[type="number"] {
  width: 76px;
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
`;var Fe=(n,e,t)=>{let r=(y,g={})=>t("player",{do:y,...g}),o=null,a=ur(y=>{o&&It(o)&&r("speed",{tokens_per_s:y})}),s=y=>{o?.state==="paused"?r(y?"step":"resume"):r("play",{...a.values(),step:y})},i=v("play","▶ play","play the prompt, or go on",()=>s(!1)),l=v("pause","❚❚ pause","stand still after the token at hand",()=>r("pause")),d=v("step","▸ step","one token more, then stand still",()=>s(!0)),c=v("stop","■ stop","end it; the session stands after its last whole token",()=>r("stop")),m=u("span","fm-state",{"data-name":"state",role:"status"}),f=u("span","fm-faint",{"data-name":"player-says"}),b=u("div","fm-error",{role:"alert","data-name":"player-error"}),h=u("div","fm-text",{"data-name":"text","aria-label":"text so far",tabindex:"0"}),p=u("div","fm-row",{role:"toolbar","aria-label":"player"},i,l,d,c,m,f),w=u("div","fm-player",{},a.el,p,b,h);n.append(u("style","",{},Ft),w),w.addEventListener("keydown",y=>{y.key==="Enter"&&(y.ctrlKey||y.metaKey)&&s(!1)});let _=e.onPart("player",y=>{o=y});return{draw(){if(o===null)return;let[y,g]=[It(o),e.connected];x(i,o.state==="paused"?"▶ resume":"▶ play"),i.disabled=!g||o.state==="playing",l.disabled=!g||o.state!=="playing",d.disabled=!g,c.disabled=!g||!y,x(m,o.state),m.dataset.state=o.state,x(f,mr(o)),x(b,o.error),b.hidden=o.error==="";let k=h.scrollTop+h.clientHeight>=h.scrollHeight-4;x(h,o.text),k&&(h.scrollTop=h.scrollHeight)},destroy:_}};function It(n){return n.state==="playing"||n.state==="paused"}function mr(n){let e=n.measured_per_s===null?"":` · ${n.measured_per_s.toPrecision(3)} tokens/s`,t=n.tokens_per_s===null?"":` (at most ${n.tokens_per_s})`;return`${T(n.tokens)} tokens${e}${t} · position ${T(n.position)} of ${T(n.max_context)}`}function ur(n){let e=u("textarea","fm-grow",{rows:"2","data-name":"prompt",placeholder:"a prompt"});e.setAttribute("aria-label","prompt; Ctrl+Enter plays it");let t=Ve("max-tokens","256","1","1"),r=Ve("temperature","0","0","0.1"),o=Ve("speed","","0.1","any");o.placeholder="no limit";let a=()=>Number(o.value)>0?Number(o.value):null;o.addEventListener("change",()=>n(a()));let s=u("input","",{type:"checkbox","data-name":"go-on"}),i=u("div","fm-row",{},u("label","",{title:"stop after so many"},"tokens ",t),u("label","",{title:"0 takes the likeliest token"},"temperature ",r),u("label","",{title:"never faster; empty is as fast as it goes"},"tokens/s ",o),u("label","",{title:"else the session begins at position 0 again"},s," after what was there"));return{el:u("div","",{},u("div","fm-row",{},e),i),values:()=>({prompt:e.value,max_tokens:Number(t.value),temperature:Number(r.value),tokens_per_s:a(),fresh:!s.checked})}}function Ve(n,e,t,r){return u("input","",{type:"number","data-name":n,value:e,min:t,step:r})}var Da=P({name:"PlayerControls",hint:"PlayerControls(session)",make:Fe,ready:n=>n.keeps("player")});var fr=.95,pr=.1,hr=8;function yr(n,e){return e<hr||n.bytes===0?!1:n.hitBytes/n.bytes>=fr&&n.ssdMs/n.passMs<=pr}function Bt(n,e){let t={state:"none",text:"",choices:[]},r=u("span","fm-grow"),o=u("select","",{"data-name":"limit_bytes","aria-label":"Memory limit"}),a=v("limit","Limit memory","Make the page cache scarce, so that reads reach the SSD",()=>e("limit",{nbytes:Number(o.value)})),s=v("lift","Lift the limit","Give the page cache all memory back",()=>e("lift")),i=u("div","fm-row fm-banner",{role:"status","data-name":"banner"},r,o,a,s),l=n.onPart("limit",d=>{t=d;let c=o.value;o.replaceChildren(...t.choices.map(({nbytes:m,text:f})=>u("option","",{value:String(m)},f))),t.choices.some(({nbytes:m})=>String(m)===c)&&(o.value=c)});return{el:i,draw(d,c){let m=yr(d,c),f=t.state==="on"||t.state==="busy";i.hidden=!m&&!f&&t.text==="",i.dataset.state=t.state;let b=t.state==="off"&&n.connected&&t.choices.length>0;o.hidden=a.hidden=!b,s.hidden=t.state!=="on",x(r,br(t,m,d,c))},destroy:l}}function br(n,e,t,r){let a=`You are measuring RAM: ${M(t.hitBytes/t.bytes)} of the bytes read for the last ${r} tokens were in the page cache. `,s=n.state==="none"&&e?`These ${R(t.bytes)} say nothing of an SSD; attach a session to limit memory. `:"";return`${e?a:""}${s}${n.text}`}var zt=`.fm-swatch {
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
`;function Wt(n,e){let t=n.column("start_ms").at(e),r=(o,a)=>t+n.column(`layer_${o}_ms`).at(e,a);return(n.facts?.sparse_layers??[]).map(o=>({layer:o,start:r("start",o),routed:r("routed",o),read:r("read",o),end:r("end",o)})).filter(({start:o,end:a})=>!Number.isNaN(o+a))}function xr(n,e){let t=[],r=e[0];for(let o of[...n].sort((a,s)=>a.start-s.start))o.start>r&&t.push([r,o.start]),r=Math.max(r,o.end);return e[1]>r&&t.push([r,e[1]]),t}function jt(n,e,t,r,o,a){let s=Math.max(2,a*.22),i=(c,m,f,b)=>{let[h,p]=[r.x(m),r.x(f)];n.fillStyle=b,n.fillRect(h,(c+.5)*a-s/2,Math.max(.5,p-h),s)};for(let{layer:c,start:m,routed:f,read:b,end:h}of o){let p=r.zero.get(c);p!==void 0&&(i(t.indexOf(c),m-p,f-p,e.line),i(t.indexOf(c),b-p,h-p,e.faint))}if(o.length>0||r.origin!=="token")return;let l=[...r.zero.values()][0];if(l===void 0)return;let d=[...r.reads].sort((c,m)=>c.start-m.start);for(let[c,m]of xr(r.reads,r.pass)){let f=d.find(b=>b.start>=m);i(f?t.indexOf(f.layer):t.length-1,c-l,m-l,e.line)}}var I=46,Gt=12,Ie=22,Yt=.14;function ge(n){return n.facts?.sparse_layers??[]}function Be(n,e,t,r,o){let a=new Map;for(let c of n)a.set(c.layer,Math.min(a.get(c.layer)??c.start,c.start));let s=t==="layer"?a:new Map([...a.keys()].map(c=>[c,e[0]])),i=t==="token"?e[1]-e[0]:Math.max(0,...n.map(c=>c.end-a.get(c.layer))),l=r??[0,Number.isFinite(i)&&i>0?i:1],d=(Math.max(1,o)-I-Gt)/(l[1]-l[0]);return{reads:n,origin:t,pass:e,span:l,zero:s,tails:wr(n),threads:1+Math.max(0,...n.map(c=>c.thread)),timeAt:c=>l[0]+(Math.max(I,c)-I)/d,x:c=>I+(c-l[0])*d,boxes:[]}}function Xt(n,e){let t=[...n.reads].sort((d,c)=>c.end-c.start-(d.end-d.start))[0],r=n.zero.has(e)?e:t?.layer,o=r===void 0?void 0:n.zero.get(r);if(o===void 0)return null;let a=n.reads.filter(d=>d.layer===r),[s,i]=[Math.min(...a.map(d=>d.start))-o,Math.max(...a.map(d=>d.end))-o],l=(i-s)*.15;return[s-l,i+l]}function wr(n){let e=new Map;for(let t of n)t.end>=(e.get(t.layer)?.end??Number.NEGATIVE_INFINITY)&&e.set(t.layer,t);return new Set([...e.values()].map(t=>t.row))}function ze(n,e,t){let r=n.boxes.filter(s=>t>=s.y-1&&t<=s.y+s.height+1),[o,a]=[null,4];for(let s of r){let i=Math.max(s.x-e,e-s.x-s.width,0);i<a&&([o,a]=[s.read,i])}return o}function Kt(n,e,t,r,o){let{context:a,width:s,height:i}=n,l=(i-Ie)/Math.max(1,t.length);a.clearRect(0,0,s,i),a.font=`11px ${e.font}`,_r(n,e,r),t.forEach((d,c)=>{let m=c*l;d===o.selection.layer&&(a.fillStyle=e.accent,a.globalAlpha=.16,a.fillRect(0,m,s,l),a.globalAlpha=1),(l>=12||c%4===0)&&kr(a,e,`layer ${d}`,m+l/2)}),vr(t,r,l),Mr(n,()=>{jt(a,e,t,r,Wt(o,o.shownToken),l);for(let d of r.boxes)Sr(a,r,d,o.selection.expert)})}function kr(n,e,t,r){n.fillStyle=e.faint,n.textAlign="left",n.textBaseline="middle",n.fillText(t.replace("layer ","L"),4,r)}function vr(n,e,t){let r=t*(1-Yt)/e.threads;for(let o of e.reads){let a=n.indexOf(o.layer);if(a<0)continue;let s=e.zero.get(o.layer),[i,l]=[e.x(o.start-s),e.x(o.end-s)],d=a*t+t*Yt/2+o.thread*r;e.boxes.push({read:o,x:i,y:d,width:Math.max(.8,l-i),height:Math.max(1,r-.6)})}}function Sr(n,e,{read:t,x:r,y:o,width:a,height:s},i){let l=ee[t.source];Ce(t.source)&&a>3?(n.strokeStyle=l,n.lineWidth=1,n.strokeRect(r+.5,o+.5,a-1,s-1)):(n.fillStyle=l,n.fillRect(r,o,a>3?a-.7:a,s)),e.tails.has(t.row)&&(n.fillStyle=S.mark,n.fillRect(r+a-1,o-1,2.5,s+2)),t.expert===i&&(n.strokeStyle=S.mark,n.lineWidth=1.5,n.strokeRect(r-1,o-1,a+2,s+2))}function Mr(n,e){let{context:t,width:r,height:o}=n;t.save(),t.beginPath(),t.rect(I,0,r-I-Gt/2,o-Ie+1),t.clip(),e(),t.restore()}function _r(n,e,t){let{context:r,width:o,height:a}=n,s=a-Ie+2;r.strokeStyle=e.line,r.fillStyle=e.faint,r.lineWidth=1,r.textBaseline="top",r.textAlign="center",r.beginPath();for(let i of Rr(t.span,Math.max(2,Math.floor((o-I)/110)))){let l=Math.round(t.x(i))+.5;r.moveTo(l,0),r.lineTo(l,s+3),r.fillText(i===0?"0":$(i),Math.min(l,o-22),s+5)}r.globalAlpha=.5,r.stroke(),r.globalAlpha=1}function Rr([n,e],t){let r=(e-n)/t,o=10**Math.floor(Math.log10(r)),a=[1,2,5,10].find(l=>l*o>=r)*o,s=Math.ceil(n/a-1e-9),i=Math.floor(e/a+1e-9);return Array.from({length:Math.max(0,i-s+1)},(l,d)=>Number(((s+d)*a).toPrecision(12)))}var xe=[{name:"surprise",label:"Surprise",title:"How little the model expected it, in bits",of:(n,e,t)=>je(n,t),text:n=>`${n.toFixed(1)} bits`,most:null},{name:"probability",label:"Probability",title:"What the model gave it before it was drawn",of:(n,e,t)=>Math.exp(n.column("token_logprob").at(t)),text:n=>`${(n*100).toFixed(1)} %`,most:1},{name:"bytes",label:"Bytes read",title:"Expert bytes read for it; a prompt's tokens share theirs",of:(n,e,t)=>e.of(t).bytes/q(n,t),text:R,most:null},{name:"ssd",label:"From SSD",title:"Expert bytes that the page cache did not hold",of:(n,e,t)=>(e.of(t).bytes-e.of(t).hitBytes)/q(n,t),text:R,most:null},{name:"time",label:"Time",title:"Time of its pass; a prompt's tokens share theirs",of:(n,e,t)=>e.of(t).passMs/q(n,t),text:$,most:null}];function je(n,e){return-n.column("token_logprob").at(e)/Math.LN2}function q(n,e){if(n.column("phase").at(e)===Y)return 1;let t=n.column("pass_start"),r=t.at(e);return ae(t,r+1)-ae(t,r)}function qt(n,e){if(e!==null)return e;let t=n.filter(Number.isFinite).sort((r,o)=>r-o);return t.length&&(t[Math.floor((t.length-1)*.97)]||t[t.length-1])||1}function Jt(n,e){let t=n.column("sampled_from_ids").rows(e),r=n.column("sampled_from_logprobs").rows(e);return[...t].map((o,a)=>[o,Math.exp(r[a])]).filter(([o])=>o>=0)}function we(n,e){let t=n.text(e);return t.includes("�")?[...n.column("text").rows(n.column("text_start").at(e),n.column("text_end").at(e))].map(o=>o<128?String.fromCharCode(o):`‹${o.toString(16)}›`).join(""):t}var We=1500;function Zt(n,e){let t=Math.min(n,Math.max(We,e+We/3));return[Math.max(0,Math.floor(t-We)),Math.floor(t)]}var G=6,Tr=12;function Qt(n,e,t){let r=Math.max(1,Math.floor((t-I-Tr)/G)),o=Math.min(n,r);return[Math.max(0,Math.min(n-o,e-Math.floor(o*.75))),o]}function en(n,e,t){let[r,o]=Qt(n.tokens,n.shownToken,e),a=Math.floor((t-I)/G);return a>=0&&a<o?r+a:-1}function tn(n,e,t,r){let{context:o,width:a,height:s}=n,[i,l]=Qt(t.tokens,t.shownToken,a),d=Array.from({length:l},(b,h)=>Er(t,r,i+h)),c=$r(d.map(b=>b.all)),m=s-6,f=(m-10)/c;o.clearRect(0,0,a,s),d.forEach((b,h)=>{let p=I+h*G,w=Math.min(b.all,c)*f,_=Math.min(b.ssd,c)*f,y=Math.min(b.read,c)*f;o.fillStyle=e.line,o.fillRect(p,m-w,G-1.5,w),o.fillStyle=S.cache,o.fillRect(p,m-y,G-1.5,y),o.fillStyle=S.ssd,o.fillRect(p,m-_,G-1.5,_),b.all>c&&o.clearRect(p-.5,m-w+5,G,2.5),i+h===t.shownToken&&(o.fillStyle=e.accent,o.fillRect(p-.5,m+1.5,G-.5,3))}),o.font=`11px ${e.font}`,o.fillStyle=e.faint,o.textAlign="left",o.textBaseline="top",o.fillText("tokens",4,m-12),o.fillText($(c),4,2)}function Er(n,e,t){let[r,o]=[e.of(t),q(n,t)];return{all:r.passMs/o,read:r.readMs/o,ssd:r.ssdMs/o}}function $r(n){let e=n.filter(Number.isFinite).sort((r,o)=>r-o),t=e[Math.floor((e.length-1)/2)]||1;return Math.min(3*t,e[e.length-1]??1)}var Ar=32,Ye=(n,e,t)=>{let r=new j(e),o="token",a=null,s=null,i=Q("Where time starts",[["token","Time in the token","Every read where it stands in its token"],["layer","Time in the layer","Every layer's reads from its first one on"]],g=>{o=g,a=null,e.changed()}),l=v("whole","Whole token","Show all of the time axis again (drag over a part to zoom in)",()=>{a=null,e.changed()}),d=v("closer","Zoom to layer","Show the reads of the selected layer, else of the slowest read's",()=>{a=Xt(y,e.selection.layer),e.changed()}),c=u("div","fm-says",{"data-name":"running"}),m=u("div","fm-says",{"data-name":"says","aria-live":"off"}),f=u("div","fm-tip");f.hidden=!0;let b=Bt(e,t),h=u("div",""),p=u("div","");n.append(u("style","",{},zt),u("div","fm-row",{},i.el,d,l,c),b.el,h,p,Nr(),m,f);let w=U(h,"Time of each token, the waiting for reads coloured"),_=U(p,"Reads of one token, a row for each layer"),y=Be([],[0,1],o,null,0);return w.canvas.addEventListener("click",g=>{let k=en(e,w.width,g.offsetX);k>=0&&e.select({token:k,following:!1})}),_.canvas.addEventListener("pointerdown",g=>{s=y.timeAt(g.offsetX),_.canvas.setPointerCapture(g.pointerId)}),_.canvas.addEventListener("pointerup",g=>{let k=s;if(s=null,k===null)return;let E=y.timeAt(g.offsetX);if(Math.abs(y.x(k)-g.offsetX)>6){a=[Math.min(k,E),Math.max(k,E)],e.changed();return}let A=ze(y,g.offsetX,g.offsetY);A&&e.select({layer:A.layer,expert:A.expert})}),_.canvas.addEventListener("pointermove",g=>{let k=ze(y,g.offsetX,g.offsetY);if(f.hidden=k===null,!k)return;let E=k.end-k.start,A=Number.isNaN(k.before)?"":`
${M(k.before)} of its pages were resident`,B=y.tails.has(k.row)?`
last of its layer: the layer waits for it`:"";x(f,`layer ${k.layer}, expert ${k.expert}, thread ${k.thread}
${$(E)} for ${R(k.bytes)}: ${(k.bytes/E/1e6).toPrecision(2)} GB/s
${ye[k.source]}${A}${B}`);let J=p.offsetLeft+g.offsetX;f.style.left=`${Math.max(0,Math.min(J+14,n.clientWidth-230))}px`,f.style.top=`${p.offsetTop+g.offsetY+16}px`}),_.canvas.addEventListener("pointerleave",()=>{f.hidden=!0}),{draw(){let g=e.shownToken,k=V(n);i.show(o),l.disabled=a===null,w.fit(64),tn(w,k,e,r),_.fit(26+ge(e).length*Cr(e)),y=Be(Oe(e,g),Lr(e),o,a,_.width),Kt(_,k,ge(e),y,e);let E=r.recent(g,Ar),A=St(E);x(c,Or(A,E.length)),Object.assign(c.dataset,{hit:(A.hitBytes/A.bytes).toFixed(4),tokens:E.length}),x(m,Pr(e,g,r.of(g))),b.draw(A,E.length)},destroy:()=>b.destroy()}};function Lr(n){let e=n.shownToken;return[n.column("start_ms").at(e),n.column("end_ms").at(e)]}function Cr(n){return Math.max(9,Math.min(26,Math.floor(520/Math.max(1,ge(n).length))))}function Or(n,e){if(e===0||n.reads===0)return"no reads of decoded tokens yet";let t=n.readMs>0?`${(n.bytes/n.readMs/1e6).toPrecision(3)} GB/s`:"no reads",r=n.inferred?" (in part inferred)":"";return`last ${e} tokens: ${t} while reading, ${M(n.hitBytes/n.bytes)} from the page cache${r}, ${M(n.readMs/n.passMs)} of the time in reads, ${M(n.ssdMs/n.passMs)} waiting for the SSD`}function Pr(n,e,t){if(e<0)return"No token yet.";let r=F(n.text(e));if(t.reads===0)return`Token ${e} “${r}”: its reads are not here (none made, or let go of).`;let o=n.column("pass_start").at(e),a=n.column("phase").at(e)===0?`, shared by the prompt's tokens from ${o} on`:"",s=M(t.hitBytes/t.bytes);return`Token ${e} “${r}”: ${T(t.reads)} reads${a}, ${R(t.bytes)} in ${$(t.readMs)} of ${$(t.passMs)}; ${s} from the page cache, ${$(t.ssdMs)} waiting for the SSD.`}function Nr(){let n=[[ee[0],"",ye[0]],[ee[1],"","partly"],[ee[2],"",ye[2]],[S.unknown,"fm-hollow","hollow: inferred from its time"],[S.mark,"fm-tail","last of its layer: the layer waits for it"],["var(--fm-line)","fm-thin","until the router chose"],["var(--fm-faint)","fm-thin","after the reads"]],e=u("div","fm-row fm-legend");for(let[t,r,o]of n){let a=u("i",`fm-swatch ${r}`);a.style.setProperty("--swatch",t),e.append(u("span","fm-faint",{},a,o))}return e}var ps=P({name:"ReadTimeline",hint:"ReadTimeline(session), or ReadTimeline(fm.load_trace(path))",make:Ye});var Hr=65535,Dr=96;function nn(n,e,t){let r=u("div","fm-layer"),o=u("div","fm-row",{"data-name":"layer_says"}),a=u("div","fm-ranks",{role:"list","aria-label":"experts chosen, by weight"}),s=v("all_probabilities","All probabilities","Ask the router for its softmax over all experts",()=>t("router",{layer:e.selection.layer,token:e.shownToken})),i=u("span","fm-faint",{"data-name":"layer_note"}),l=u("div","fm-probabilities"),d=U(l,"probability of every expert");r.append(o,a,u("div","fm-row",{},s,i),l),n.append(r);let c=null,m=e.onPart("router",(f,b)=>{c=Ur(f,b),x(i,f.note??"")});return{draw(){let f=e.layerRow(e.selection.layer);if(r.hidden=f<0,f<0)return;let b=e.shownToken;x(o,Vr(e,f,b)),Ir(a,e,f,b),s.disabled=!e.connected;let h=c!==null&&c.layer===e.selection.layer&&c.token===b;l.hidden=!h,l.dataset.token=h?String(b):"",h&&zr(d,c,e,f)},destroy:m}}function Ur(n,e){if(e.length===0)return null;let{buffer:t,byteOffset:r,byteLength:o}=e[0],a=new Float32Array(t.slice(r,r+o));return{layer:n.layer,token:n.token,probabilities:a}}function Vr(n,e,t){let[r,o,a]=["kept_mass","router_margin","router_entropy"].map(l=>n.column(l).at(t,e));if(Number.isNaN(r))return`layer ${n.selection.layer}: the routing of token ${t} is not here any more`;let s=`layer ${n.selection.layer}, token ${t} "${F(n.text(t))}"`,i=`kept mass ${M(r)} of the softmax, margin ${o.toPrecision(3)} in logits`;return`${s}: ${i}, entropy ${a.toFixed(2)} of ${Math.log(n.facts.num_experts).toFixed(2)} nats${Fr(n,t)}`}function Fr(n,e){let{layer:t}=n.selection,[r,o]=["layer_routed_ms","layer_read_ms"].map(a=>n.column(a).at(e,t));return Number.isFinite(o-r)?`, experts read in ${$(o-r)}`:""}function Ir(n,e,t,r){let o=e.keptExperts,a=e.column("expert_ids").rows(r).subarray(t*o,(t+1)*o),s=e.column("routing_weights").rows(r).subarray(t*o,(t+1)*o),i=[...a].filter(d=>d!==Hr).length;for(;n.childElementCount>i;)n.lastElementChild.remove();for(;n.childElementCount<i;)n.append(Br(e));let l=Math.max(...s,0);[...n.children].forEach((d,c)=>{let m=d;m.dataset.expert=String(a[c]),m.style.setProperty("--fm-share",String(l?s[c]/l:0)),m.setAttribute("aria-pressed",String(e.selection.expert===a[c])),m.title=`rank ${c+1}: expert ${a[c]}, weight ${s[c].toFixed(4)}`,x(m,`${a[c]} · ${s[c].toFixed(3)}`)})}function Br(n){let e=v("rank","","",()=>{let t=Number(e.dataset.expert);n.select({expert:t===n.selection.expert?-1:t})});return e.className="fm-rank",e}function zr(n,{probabilities:e},t,r){n.fit(Dr);let{context:o,width:a,height:s,canvas:i}=n,l=V(i),d=t.keptExperts,c=new Set(t.column("expert_ids").rows(t.shownToken).subarray(r*d,(r+1)*d)),m=e.reduce((b,h)=>Math.max(b,h),0),f=a/e.length;o.clearRect(0,0,a,s),e.forEach((b,h)=>{let p=Math.max(1,b/m*(s-16));o.fillStyle=c.has(h)?S.ssd:l.faint;let w=c.has(h)?Math.max(2,f):Math.max(1,f-.5);o.fillRect(h*f,s-p,w,p)}),o.fillStyle=l.faint,o.font=`11px ${l.font}`,o.textBaseline="top",o.fillText(`${M(m)}: expert ${e.indexOf(m)}; the chosen are orange`,2,0)}var ke=class{counts=new Uint32Array(0);lastToken=new Int32Array(0);lastRead=new Int32Array(0);next=0;run="";upTo(e,t){let r=e.place?.run??"",o=e.routedFirst>this.next;if((r!==this.run||o||t+1<this.next)&&this.restart(e,r),t<this.next)return;let a=Math.max(this.next,e.routedFirst);this.choose(e,a,t),this.read(e,a,t),this.next=t+1}restart(e,t){this.run=t,this.next=0,this.counts=Uint32Array.from(e.countsBefore),this.lastToken=new Int32Array(this.counts.length).fill(-1),this.lastRead=new Int32Array(this.counts.length).fill(-1)}choose(e,t,r){let o=e.facts.num_experts,a=e.column("expert_ids"),s=e.keptExperts;for(let i=t;i<=r;i++){let l=a.rows(i);for(let d=0;d<l.length;d++){if(l[d]>=o)continue;let c=Math.floor(d/s)*o+l[d];this.counts[c]++,this.lastToken[c]=i}}}read(e,t,r){let o=e.facts.num_experts,[a,s]=[e.column("read_layer"),e.column("read_expert")],i=Math.max(e.readsOf(t)[0],a.first),l=e.readsOf(r)[1];for(let d=i;d<l;d++){let c=e.layerRow(a.at(d));c>=0&&(this.lastRead[c*o+s.at(d)]=d)}}};function rn(n,e,t=.82,r=28){let{sparse_layers:o,num_experts:a}=n.facts,s=new Float32Array(o.length*a),i=n.column("expert_ids"),l=n.keptExperts;for(let d=Math.max(i.first,e-r);d<e;d++){let c=i.rows(d),m=t**(e-d);for(let f=0;f<c.length;f++)c[f]<a&&(s[Math.floor(f/l)*a+c[f]]+=m)}return s}var on=.82,Ge=X(128,128,128,90),Xe=256,an=["page cache","partly page cache","SSD","page cache, inferred","SSD, inferred"],Wr=[S.cache,S.partly,S.ssd,S.cache,S.ssd].map(jr),ce={now:{text:"This token",title:"Experts chosen for this token over the glow of those before",colours({store:n,token:e,settled:t}){let r=rn(n,e,on),o=on**(t-1);return a=>N(K,Math.min(.8,.55*o*r[a]))},legend:()=>[["mark","chosen for this token"],[H(N(K,.6)),"chosen for the tokens before, fading"]]},counts:{text:"Counts",title:"How often each expert was chosen up to this token, on a logarithmic scale",colours({usage:n}){let e=n.counts.reduce((t,r)=>Math.max(t,r),1);return t=>N(K,Math.log1p(n.counts[t])/Math.log1p(e))},legend({usage:n}){let e=n.counts.reduce((t,r)=>Math.max(t,r),1);return[[H(K[0]),"never"],[H(K[128]),`${Math.round(Math.expm1(Math.log1p(e)/2))} times`],[H(K[255]),`${e} times`]]}},recency:{text:"Recency",title:"How long ago each expert was chosen, on a logarithmic scale",colours({usage:n,token:e}){let t=Math.log1p(Xe);return r=>{let o=n.lastToken[r];return o===-1?Ge:N(O,1-Math.log1p(e-o)/t)}},legend:()=>[[H(O[255]),"this token"],[H(N(O,1-Math.log1p(16)/Math.log1p(Xe))),"16 tokens ago"],[H(O[0]),`${Xe} or more`],[ve(),"never"]]},residency:{text:"Residency",title:"How much of each expert the page cache holds now",colours({store:n}){return e=>{let t=n.residency[e];return t===C?Ge:N(O,t/254)}},legend:({store:n})=>n.residency.every(e=>e===C)?[[ve(),"unknown: a live session is swept, a trace holds no residency"]]:[[H(O[0]),"not in the page cache"],[H(O[255]),"wholly in the page cache"],[ve(),"unknown"]]},source:{text:"Hit or miss",title:"Where the last read of each expert came from",colours({store:n,usage:e,token:t}){let r=n.column("read_source"),o=n.column("read_token"),a=n.column("pass_start").at(t);return s=>{let i=e.lastRead[s];if(i===-1)return Ge;let l=o.at(i)!==a;return(Wr[r.at(i)]&16777215|(l?1711276032:4278190080))>>>0}},legend:()=>[[S.cache,"page cache"],[S.partly,"partly"],[S.ssd,"SSD"],[ve(),"never read; faint: read for a token before"]]}};function jr(n){let[e,t,r]=[1,3,5].map(o=>Number.parseInt(n.slice(o,o+2),16));return X(e,t,r)}function ve(){return"rgb(128 128 128 / 35%)"}var L=40,D=16,Yr=480,Se=class{constructor(e){this.el=e;this.sheet=U(e,"experts by layer: a row for each layer, a column for each expert")}el;sheet;brush=null;grid=new Z;window=null;rowHeight=1;cellAt(e,t){let r=this.window;if(!r||t<D||t>=D+this.rowHeight*(r.rows.end-r.rows.start))return null;let o=r.rows.start+Math.floor((t-D)/this.rowHeight);if(e<L)return{row:o,expert:-1};let a=r.experts.start+Math.floor((e-L)/this.expertWidth);return a<r.experts.end?{row:o,expert:a}:null}draw(e,t,r){this.window=r;let o=r.rows.end-r.rows.start;this.rowHeight=Math.max(5,Math.min(26,Math.floor(Yr/o))),this.sheet.fit(D+this.rowHeight*o+2);let{context:a,width:s,height:i}=this.sheet,l=V(this.el);a.clearRect(0,0,s,i),this.cells(e,t,r),this.marks(e,t,l),a.fillStyle=l.faint,a.strokeStyle=l.text,a.font=`11px ${l.font}`,this.labels(e),this.selected(e,l.accent),this.brushed(l.accent)}get expertWidth(){let{start:e,end:t}=this.window.experts;return(this.sheet.width-L)/(t-e)}cells(e,t,{experts:r,rows:o}){let{context:a,width:s}=this.sheet,i=r.end-r.start,l=e.store.facts.num_experts,d=ce[t].colours(e),c=o.end-o.start;this.grid.fill(i,c,m=>{let f=Math.floor(m/i);return d((o.start+f)*l+r.start+(m-f*i))}),a.imageSmoothingEnabled=!1,a.drawImage(this.grid.canvas,L,D,s-L,this.rowHeight*c),a.fillStyle=e.dark?"rgb(17 17 17 / 60%)":"rgb(255 255 255 / 60%)";for(let m=1;m<c;m++)a.fillRect(L,D+m*this.rowHeight-.5,s-L,1)}marks({store:e,token:t},r,o){let{context:a}=this.sheet,{experts:s,rows:i}=this.window,l=e.keptExperts,d=e.column("expert_ids").rows(t),c=e.column("routing_weights").rows(t),m=Math.max(3,this.expertWidth);for(let f=0;f<d.length;f++){let b=Math.floor(f/l);if(b<i.start||b>=i.end||d[f]<s.start||d[f]>=s.end)continue;let h=L+(d[f]-s.start+.5)*this.expertWidth-m/2,p=D+(b-i.start)*this.rowHeight,w=this.rowHeight-1;r==="now"?(a.fillStyle=Gr(c[f]*l),a.fillRect(h,p,m,w)):(a.strokeStyle=o.dark?"#fff":"#000",a.lineWidth=1,a.strokeRect(h-.5,p+.5,m+1,w-1))}}labels({store:e}){let{context:t,width:r}=this.sheet,{experts:o,rows:a}=this.window,s=Math.max(1,Math.ceil(12/this.rowHeight));t.textBaseline="middle",t.textAlign="right";for(let l=a.start;l<a.end;l++){if((l-a.start)%s)continue;let d=D+(l-a.start+.5)*this.rowHeight;t.fillText(String(e.facts.sparse_layers[l]),L-6,d)}let i=Xr((o.end-o.start)/Math.max(2,(r-L)/90));t.textAlign="center";for(let l=Math.ceil(o.start/i)*i;l<o.end;l+=i){let d=L+(l-o.start+.5)*this.expertWidth;t.fillText(String(l),Math.max(L+8,Math.min(r-12,d)),D/2-1),t.fillRect(d,D-3,1,3)}t.textAlign="left",t.fillText("layer",0,D/2-1)}selected({store:e},t){let{context:r,width:o}=this.sheet,{experts:a,rows:s}=this.window,i=e.layerRow(e.selection.layer);if(i<s.start||i>=s.end)return;let l=D+(i-s.start)*this.rowHeight;r.strokeStyle=t,r.lineWidth=2,r.strokeRect(L-1,l-.5,o-L,this.rowHeight);let{expert:d}=e.selection;if(d<a.start||d>=a.end)return;let c=Math.max(5,this.expertWidth),m=L+(d-a.start+.5)*this.expertWidth;r.strokeRect(m-c/2-2,l-3,c+4,this.rowHeight+5)}brushed(e){if(!this.brush)return;let{context:t,width:r}=this.sheet,{experts:o,rows:a}=this.window,{from:s,to:i,layersOnly:l}=this.brush,d=D+(Math.min(s.row,i.row)-a.start)*this.rowHeight,c=(Math.abs(s.row-i.row)+1)*this.rowHeight,m=l?L:L+(Math.min(s.expert,i.expert)-o.start)*this.expertWidth,f=l?r-L:(Math.abs(s.expert-i.expert)+1)*this.expertWidth;t.strokeStyle=e,t.lineWidth=1,t.setLineDash([4,3]),t.strokeRect(m+.5,d+.5,f,c),t.setLineDash([])}};function Gr(n){return`color-mix(in srgb, #fff ${Math.round(Math.max(0,Math.min(1,(n-.4)/2))*100)}%, #fde725)`}function Xr(n){return 2**Math.ceil(Math.log2(Math.max(1,n)))}function sn(n,e,t,{row:r,expert:o}){let a=n.facts,s=a.sparse_layers[r];if(o<0)return`layer ${s}`;let i=r*a.num_experts+o,l=[`layer ${s}, expert ${o}`,Kr(n,t,r,o)],d=e.counts[i],c=e.lastToken[i],m=c===-1?"":c===t?", last for this token":`, last ${t-c} tokens ago`;l.push(`chosen ${d===1?"once":`${d} times`}${m}`),e.lastRead[i]!==-1&&l.push(qr(n,e.lastRead[i]));let f=n.residency[i];return f!==255&&l.push(`page cache holds ${M(f/254)}`),l.join(`
`)}function Kr(n,e,t,r){let o=n.keptExperts,a=n.column("expert_ids").rows(e).subarray(t*o,(t+1)*o).indexOf(r);if(a<0)return`not chosen for token ${e}`;let s=n.column("routing_weights").at(e,t*o+a);return`rank ${a+1} of ${o}, weight ${s.toFixed(3)}`}function qr(n,e){let t=o=>n.column(o).at(e);return`last read in ${$(t("read_end_ms")-t("read_start_ms"))} from ${an[t("read_source")]} (token ${t("read_token")})`}var ln=`.fm-legend {
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
`;function dn(n,e){return{experts:{start:0,end:n},rows:{start:0,end:e}}}function Zr(n,e,t,r,o){let a=Math.min(r,Math.max(Math.min(o,r),Math.round((n.end-n.start)*e))),s=(t-n.start)/(n.end-n.start),i=Math.max(0,Math.min(r-a,Math.round(t-s*a)));return{start:i,end:i+a}}function Ke(n,e,t,r){return{...n,experts:Zr(n.experts,e,t,r,8)}}function mn(n,e,t,{layersOnly:r=!1}={}){let o=cn(e.row,t.row),a=cn(e.expert,t.expert);return{experts:r?n.experts:Qr(a,n.experts),rows:o}}function cn(n,e){return{start:Math.min(n,e),end:Math.max(n,e)+1}}function Qr(n,e){let t=Math.max(0,Math.min(8,e.end-e.start)-(n.end-n.start)),r=Math.max(e.start,n.start-Math.floor(t/2)),o=Math.min(e.end,Math.max(n.end,r+(n.end-n.start)+t));return{start:r,end:o}}function un(n,e,t){return n.experts.start===0&&n.experts.end===e&&n.rows.start===0&&n.rows.end===t}var eo=220,to=5,Je=(n,e,t)=>new qe(n,e,t),qe=class{constructor(e,t,r){this.store=t;this.send=r;let o=u("div","fm-map");this.modes=Q("colour",Object.entries(ce).map(([s,{text:i,title:l}])=>[s,i,l]),s=>this.choose(s)),this.follow=v("follow","Follow","Show each new token as it comes",()=>t.select({following:!t.selection.following,token:t.shownToken})),this.all=v("zoom_all","All","All layers and experts",()=>this.look(null)),this.scrub.addEventListener("input",()=>t.select({token:this.scrub.valueAsNumber,following:!1}));let a=u("span","fm-group",{role:"group","aria-label":"zoom"},this.zoom("zoom_out","−",2),this.zoom("zoom_in","+",.5),this.all);e.append(u("style","",{},ln),u("div","fm-row",{},this.modes.el,a),o,this.legend),e.append(u("div","fm-row",{},this.follow,this.scrub),this.says),this.map=new Se(o),o.append(this.tip),this.layer=nn(e,t,r),this.end=t.onPart("mode",s=>this.choose(s.mode,{tell:!1})),this.listen()}store;send;mode="now";window=null;run="";usage=new ke;map;layer;modes;scrub=u("input","fm-grow",{type:"range",min:"0","aria-label":"token","data-name":"scrub"});follow;all;says=u("div","fm-says",{"data-name":"says"});legend=u("div","fm-legend");tip=u("div","fm-tip",{hidden:""});end;came={token:-1,at:0};draw(e){let{store:t}=this,r=t.facts;t.place.run!==this.run&&([this.run,this.window]=[t.place.run,null]),this.window??=dn(r.num_experts,r.sparse_layers.length);let o=t.shownToken;this.usage.upTo(t,o);let a=this.settled(o,e),s={store:t,usage:this.usage,token:o,settled:a,dark:V(this.says).dark};return this.map.draw(s,this.mode,this.window),this.controls(s),this.layer.draw(e),a<1}destroy(){this.end(),this.layer.destroy()}settled(e,t){if(e!==this.came.token){let r=this.store.selection.following&&!this.store.place.complete,o=matchMedia("(prefers-reduced-motion: reduce)").matches;this.came={token:e,at:r&&!o?t:Number.NEGATIVE_INFINITY}}return Math.min(1,(t-this.came.at)/eo)}controls(e){let{store:t,scrub:r,follow:o,all:a,window:s}=this,{num_experts:i,sparse_layers:l}=t.facts;r.max=String(Math.max(0,t.tokens-1)),r.valueAsNumber!==e.token&&(r.value=String(e.token)),r.setAttribute("aria-valuetext",`token ${e.token}: ${t.text(e.token)}`),o.setAttribute("aria-pressed",String(t.selection.following)),a.disabled=un(s,i,l.length),this.modes.show(this.mode),x(this.says,this.sentence(e)),this.showLegend(e)}showLegend(e){let t=ce[this.mode].legend(e),r=JSON.stringify(t);if(this.legend.dataset.key===r)return;this.legend.dataset.key=r;let o=a=>u("i","fm-swatch",{style:`background:${a==="mark"?"#fde725":a}`});this.legend.replaceChildren(...t.map(([a,s])=>u("span","",{},o(a),s)))}sentence({token:e}){let{store:t}=this,{sparse_layers:r,num_experts:o,top_k:a}=t.facts;if(e<0)return"no token yet";let s=t.column("expert_ids"),i=t.column("phase").at(e)===0?"prompt":"output",l=`token ${T(e)} "${F(t.text(e))}" (${i})`;if(!s.has(e))return`${l}: its routing is older than what is kept here`;let[d,c]=[s.rows(e),e>s.first?s.rows(e-1):null],m=c?no(d,c,t.keptExperts):0,f=r.length*a;return`${l}: ${a} of ${o} experts in each of ${r.length} layers; ${m} of ${f} as for the token before`}choose(e,{tell:t=!0}={}){this.mode=e,t&&this.send("mode",{mode:e}),this.store.changed()}zoom(e,t,r){let o=r<1?"Fewer experts, wider":"More experts, narrower";return v(e,t,o,()=>{let{start:a,end:s}=this.window.experts,{expert:i}=this.store.selection,l=i>=a&&i<s?i:(a+s)/2;this.look(Ke(this.window,r,l,this.store.facts.num_experts))})}look(e){this.window=e,this.store.changed()}listen(){let{canvas:e}=this.map.sheet,t=o=>this.map.cellAt(o.offsetX,o.offsetY),r=null;e.addEventListener("pointerdown",o=>{let a=t(o);r=a&&{x:o.offsetX,y:o.offsetY,cell:a},e.setPointerCapture(o.pointerId)}),e.addEventListener("pointermove",o=>{let a=t(o);if(r&&a&&Math.hypot(o.offsetX-r.x,o.offsetY-r.y)>to){let s=r.cell.expert<0;this.map.brush={from:r.cell,to:s?a:{...a,expert:Math.max(0,a.expert)},layersOnly:s},this.store.changed()}this.hover(a,o)}),e.addEventListener("pointerup",o=>{let a=this.map.brush,s=t(o);this.map.brush=null,a?this.look(mn(this.window,a.from,a.to,a)):r&&s&&this.click(s),r=null}),e.addEventListener("pointerleave",()=>this.hover(null,null)),e.addEventListener("dblclick",()=>this.look(null)),e.addEventListener("wheel",o=>{let a=t(o);if(!a||a.expert<0||!(o.ctrlKey||o.shiftKey))return;o.preventDefault();let s=(o.deltaY||o.deltaX)>0?1.25:.8;this.look(Ke(this.window,s,a.expert,this.store.facts.num_experts))})}click({row:e,expert:t}){let{selection:r,facts:o}=this.store,a=o.sparse_layers[e],s=r.layer===a&&(t<0||r.expert===t);this.store.select(s?{layer:-1,expert:-1}:{layer:a,expert:t})}hover(e,t){if(this.tip.hidden=e===null||this.map.brush!==null||this.store.facts===null,!e||!t||this.tip.hidden)return;x(this.tip,sn(this.store,this.usage,this.store.shownToken,e));let r=t.offsetX>this.map.sheet.width-260;this.tip.style.left=r?"":`${t.offsetX+14}px`,this.tip.style.right=r?`${this.map.sheet.width-t.offsetX+14}px`:"",this.tip.style.top=`${t.offsetY+14}px`}};function no(n,e,t){let r=0;for(let o=0;o<n.length;o+=t){let a=new Set(Array.from({length:t},(s,i)=>e[o+i]));for(let s=o;s<o+t;s++)a.has(n[s])&&r++}return r}var Gs=P({name:"RouterView",hint:"RouterView(session), or view.attach(fm.load_trace(path))",make:Je});var fn=`.fm-strip {
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
`;var oo=.62,Qe=(n,e)=>{let t=new j(e),r=xe[0],o=Q("Colour by",xe.map(({name:h,label:p,title:w})=>[h,p,w]),h=>{r=xe.find(p=>p.name===h)??r,e.changed()}),a=v("follow","Follow","Show the newest token as it comes",()=>e.select({following:!e.selection.following,token:e.shownToken})),s=u("span","fm-faint fm-scale"),i=u("div","fm-strip",{role:"listbox","aria-label":"Tokens",tabindex:"0"}),l=u("div","fm-says",{"data-name":"says"}),d=u("div","fm-says",{"data-name":"alternatives"}),c=u("div","fm-row",{},o.el,a,s);n.append(u("style","",{},fn),c,i,l,d),i.addEventListener("click",h=>{let p=h.target.closest("[data-token]")?.dataset.token;p!==void 0&&e.select({token:Number(p),following:!1})});let m=new Ze(i,e),[f,b]=[-1,-1];return{draw(){let h=e.shownToken;o.show(r.name),a.setAttribute("aria-pressed",String(e.selection.following));let[p,w]=Zt(e.tokens,h),_=Array.from({length:w-p},(g,k)=>r.of(e,t,p+k)),y=qt(_,r.most);m.show(p,w);for(let[g,k]of _.entries())m.paint(p+g,k,y,r);m.mark(h),x(s,`0 to ${r.text(y)}${p>0?` · tokens ${T(p)} to ${T(w-1)}`:""}`),x(l,ao(e,t,h)),x(d,io(e,h)),(h!==f||w!==b)&&m.scrollTo(h),[f,b]=[h,w]},destroy:()=>{}}},Ze=class{constructor(e,t){this.strip=e;this.store=t}strip;store;made=new Map;run="";chosen;show(e,t){let r=this.store.place?.run??"",o=this.made.size>0&&!this.made.has(e);(r!==this.run||o)&&(this.strip.replaceChildren(),this.made.clear(),this.run=r);for(let[a,s]of this.made)a>=e&&a<t||(s.remove(),this.made.delete(a));for(let a=e;a<t;a++)this.made.has(a)||this.add(a)}paint(e,t,r,o){let a=this.made.get(e);if(!a)return;let s=Number.isFinite(t),i=s&&r>0?Math.max(0,Math.min(1,t/r))*oo:0,l=`${o.name} ${s?o.text(t):"not known"}`;if(a.dataset.value===l)return;a.dataset.value=l;let d=o.name==="bytes"||o.name==="ssd"||o.name==="time"?S.ssd:S.mark;a.style.background=s?`color-mix(in srgb, ${d} ${(i*100).toFixed(0)}%, transparent)`:"",a.classList.toggle("fm-unknown",!s),a.title=`token ${e}: ${l}`}mark(e){let t=this.made.get(e);t!==this.chosen&&(this.chosen?.setAttribute("aria-selected","false"),t?.setAttribute("aria-selected","true"),this.chosen=t)}scrollTo(e){let t=this.made.get(e);if(!t)return;let[r,o]=[t.offsetTop,t.offsetTop+t.offsetHeight],{scrollTop:a,clientHeight:s}=this.strip;(r<a||o>a+s)&&(this.strip.scrollTop=o-s*.7)}add(e){let t=we(this.store,e),r=u("span","fm-token",{role:"option","data-token":String(e),"aria-selected":"false"});r.classList.toggle("fm-prompt",this.store.column("phase").at(e)!==Y),r.textContent=t.replaceAll(`
`,`⏎
`).replaceAll("	","⇥	")||"∅",this.strip.append(r),this.made.set(e,r)}};function ao(n,e,t){if(t<0)return"No token yet.";let r=c=>n.column(c).at(t),o=Math.exp(r("token_logprob")),a=Number.isFinite(o)?`probability ${M(o)}, ${je(n,t).toFixed(1)} bits, ${so(r("token_rank"))}`:r("phase")===Y?"what it was drawn from is not known":"given, not drawn",s=e.of(t),i=q(n,t),l=i>1?`, shared by ${T(i)} tokens of the prompt`:"",d=s.reads?`${R(s.bytes)} read${l}, ${M(s.hitBytes/s.bytes)} from the page cache; `:"";return`Token ${t} “${F(we(n,t))}” (id ${r("token_id")}): ${a}; ${d}${$(s.passMs)}${l&&!d?l:""}`}function so(n){return n===0?"the likeliest":`${T(n)} were likelier`}function io(n,e){let t=Jt(n,e);return t.length===0?"":`Drawn from: ${t.map(([r,o])=>`${lo(n,r)} ${M(o)}`).join(" · ")}`}function lo(n,e){let r=n.column("token_id").rows(0,n.tokens).indexOf(e);return r<0?`id ${e}`:`“${F(we(n,r))}”`}var ri=P({name:"TokenStrip",hint:"TokenStrip(session), or TokenStrip(fm.load_trace(path))",make:Qe});var co=[{name:"tokens",title:"Tokens",what:"choose one: all panels show it",make:Qe,open:!0},{name:"router",title:"Routers",what:"the experts each layer chose",make:Je,open:!0},{name:"reads",title:"Reads",what:"what the choice cost, on the token's clock",make:Ye,open:!0},{name:"cache",title:"Page cache",what:"what memory holds of each expert",make:Ue,open:!1},{name:"sizes",title:"Cache sizes",what:"the run replayed with other caches",make:Le,open:!1}],mo=(n,e,t)=>{let r=u("div","fm-dash-grid");n.append(u("style","",{},kt),u("div","fm-dash",{},r));let o=fo(r,e,t),a=new Map;for(let l of co)a.set(l.name,uo(r,l,e,t));a.get("sizes").onOpen=()=>t("replay");let s=Et(e,l=>a.get(l)?.reveal());r.insertBefore(s.el,a.get("router").el);let i=[o,s,...a.values()];return{draw(l){let d=!1;for(let c of i)d=c.draw(l)===!0||d;return d},destroy(){for(let l of i)l.destroy()}}};function uo(n,e,t,r){let o=u("span","fm-mark",{"aria-hidden":"true"}),a=u("button","fm-panel-head",{type:"button","data-name":`panel_${e.name}`});a.append(o,u("span","fm-name",{},e.title),u("span","fm-faint",{},e.what));let s=u("div","fm-panel-body"),i=u("section","fm-panel",{"data-panel":e.name,"aria-label":e.title},a,s);n.append(i);let l=e.make(s,t,r),d={el:i,onOpen:()=>{},reveal(){s.hidden&&c(!0),i.scrollIntoView({block:"nearest"})},draw:m=>s.hidden?void 0:l.draw(m),destroy:()=>l.destroy()},c=(m,f=!0)=>{s.hidden=!m,i.classList.toggle("fm-closed",!m),a.setAttribute("aria-expanded",String(m)),x(o,m?"▾":"▸"),m&&f&&d.onOpen(),t.changed()};return a.addEventListener("click",()=>c(s.hidden!==!1)),c(e.open,!1),d}function fo(n,e,t){let[r,o]=[u("div","fm-live"),u("div","")],a=u("section","fm-panel",{"data-panel":"play","aria-label":"Play"},r,o);n.append(a);let s=Fe(r,e,t),i=At(o,n,e),l=!1,d=e.onPart("dashboard",c=>{let m=c;l=m.plays,pn(r,"prompt",m.prompt),pn(r,"speed",String(m.tokens_per_s))});return{draw(c){let m=l&&!e.place?.complete;return r.hidden=!m,o.hidden=m,i.enabled=!m,(m?s:i).draw(c)},destroy(){d(),s.destroy(),i.destroy()}}}function pn(n,e,t){let r=n.querySelector(`[data-name="${e}"]`);!r||r.dataset.filled||(r.value=t,r.dataset.filled="true")}var yi=P({name:"Dashboard",hint:"fm.dashboard(engine), or fm.dashboard(fm.load_trace(path))",make:mo});export{yi as default,mo as makeDashboard};
