// widgets/src sha256 596b6ac912e9dbe0b03a6936fe74943daab9361b6374b689ed246c7fdab3a6af
var j=`.fm-debugger .fm-place {
  font-weight: 600;
  margin: 4px 0;
}
.fm-debugger .fm-chips {
  display: flex;
  flex-wrap: wrap;
  gap: 3px;
  margin: 2px 0 6px;
}
.fm-debugger .fm-chip {
  font-family: var(--jp-code-font-family, ui-monospace, monospace);
  border: 1px solid var(--fm-line);
  border-radius: 3px;
  padding: 0 3px;
  color: var(--fm-faint);
  white-space: pre;
}
.fm-debugger .fm-chip[data-state="whole"] {
  color: var(--fm-text);
  background: var(--fm-raised);
}
.fm-debugger .fm-chip[data-state="here"] {
  color: var(--fm-text);
  border-color: var(--fm-accent);
  box-shadow: inset 0 0 0 1px var(--fm-accent);
}
.fm-debugger .fm-layers {
  display: flex;
  flex-wrap: wrap;
  gap: 2px;
  margin: 4px 0;
}
.fm-debugger .fm-layers button {
  min-width: 26px;
  padding: 0 4px;
  border-bottom: 3px solid var(--fm-line);
}
.fm-debugger .fm-layers button[data-kind="full_attention"] {
  border-bottom-color: var(--fm-warn);
}
.fm-debugger .fm-layers button[data-here] {
  background: var(--fm-accent);
  color: var(--fm-paper);
}
.fm-debugger .fm-diagram {
  display: flex;
  flex-wrap: wrap;
  gap: 6px 20px;
  margin: 6px 0;
  border-left: 3px solid var(--fm-line);
  padding-left: 10px;
}
.fm-debugger .fm-branch-name {
  color: var(--fm-faint);
}
.fm-debugger .fm-chain {
  display: flex;
  flex-wrap: wrap;
  row-gap: 4px;
}
.fm-debugger .fm-top button {
  min-height: 18px;
  padding: 0 6px;
}
.fm-debugger .fm-chain button {
  background: var(--fm-paper);
  color: var(--fm-faint);
}
.fm-debugger .fm-chain button + button {
  margin-left: 16px;
  position: relative;
}
.fm-debugger .fm-chain button + button::before {
  content: "→";
  position: absolute;
  left: -15px;
  color: var(--fm-faint);
}
.fm-debugger .fm-chain button.fm-sum {
  border-radius: 12px;
  border-width: 2px;
}
.fm-debugger .fm-chain button.fm-sum:not(:first-child)::before {
  content: "⊕";
}
.fm-debugger .fm-chain button[data-seen] {
  background: var(--fm-raised);
  color: var(--fm-text);
}
.fm-debugger .fm-chain button[data-changed] {
  border-color: var(--fm-warn);
  border-style: dashed;
}
.fm-debugger .fm-chain button[aria-current] {
  background: var(--fm-accent);
  border-color: var(--fm-accent);
  color: var(--fm-paper);
}
.fm-debugger .fm-panes {
  display: grid;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr));
  gap: 4px 20px;
  align-items: start;
}
.fm-debugger .fm-pane {
  overflow-x: auto;
  min-width: 0;
  border-top: 1px solid var(--fm-line);
}
.fm-debugger .fm-pane h4 {
  margin: 4px 0;
  font-size: 12px;
  font-weight: 600;
}
.fm-debugger .fm-pair {
  display: flex;
  flex-wrap: wrap;
  gap: 4px 16px;
  align-items: start;
}
.fm-debugger input[type="number"] {
  width: 76px;
}
.fm-debugger input.fm-short {
  width: 76px;
}
.fm-debugger td,
.fm-debugger th {
  white-space: nowrap;
}
.fm-debugger td:first-child,
.fm-debugger th:first-child {
  text-align: left;
}
.fm-debugger .fm-bars {
  text-align: left;
  min-width: 84px;
}
.fm-debugger .fm-bar {
  height: 8px;
  background: var(--fm-accent);
}
`;function i(t,e,n={},...r){let o=document.createElement(t);e&&(o.className=e);for(let[a,s]of Object.entries(n))o.setAttribute(a,s);return o.append(...r),o}function b(t,e,n,r){let o=i("button","",{type:"button","data-name":t,title:n},e);return o.addEventListener("click",r),o}function y(t,e){t.textContent!==e&&(t.textContent=e)}var xe=new Set(["resid_mid","combine","embed"]);function z(t,e){let n=i("div","fm-layers",{role:"group","aria-label":"layers"});return t.append(n,i("div","fm-faint",{},"layers; the marked ones have full attention, the others a gated delta net")),({facts:r})=>{n.childElementCount!==r.kinds.length&&n.replaceChildren(...r.kinds.map((o,a)=>we(o,a,e))),r.kinds.forEach((o,a)=>{n.children[a].toggleAttribute("data-here",r.place?.layer===a)})}}function we(t,e,n){let r=t==="linear_attention"?"gated delta net":"full attention",o=b(`layer-${e}`,String(e),`to layer ${e}: ${r}`,()=>n("goto",{layer:e}));return o.dataset.kind=t,o}function q(t,e){let n=i("div","fm-diagram",{role:"group","aria-label":"stages of this layer"});t.append(n);let r="";return({facts:o},a)=>{if(!a)return;let s=JSON.stringify(o.diagram.map(({name:l,stages:c})=>[l,c.map(({stage:u})=>u)]));s!==r&&n.replaceChildren(...o.diagram.map(l=>ve(l,e))),r=s;for(let{stages:l}of o.diagram)for(let c of l)ke(n,c)}}function ve(t,e){let n=i("div","fm-chain");for(let{stage:r}of t.stages){let o=b(`stage-${r}`,r.replaceAll("_"," "),`to ${r}`,()=>e("goto",{stage:r}));xe.has(r)&&o.classList.add("fm-sum"),n.append(o)}return i("div","fm-branch",{},i("div","fm-branch-name",{},t.name),n)}function ke(t,{stage:e,seen:n,current:r,changed:o}){let a=t.querySelector(`[data-name="stage-${e}"]`);a&&(a.toggleAttribute("data-seen",n),a.toggleAttribute("data-changed",o),r?a.setAttribute("aria-current","step"):a.removeAttribute("aria-current"),a.title=`${e}: ${r?"here":n?"done; back to it":"on to it"}${o?", changed":""}`)}function K(t){let e=i("div","fm-chips");return t.append(e),({facts:n},r)=>{if(!r)return;let{first:o,now:a,texts:s,given:l,left:c}=n.tokens,u=s.map((p,g)=>{let h=i("span","fm-chip",{},p.replaceAll(`
`,"⏎").replaceAll(" ","␣"));return o+g<a&&(h.dataset.state="whole"),o+g===a&&n.place&&(h.dataset.state="here"),h}),d=i("span","fm-faint");y(d,` ${l-c} of ${l} tokens whole`);let[m,f]=[o>0?["…"]:[],o+s.length<l?["…"]:[]];e.replaceChildren(...m,...u,...f,d)}}var W={F64:Float64Array,F32:Float32Array,I32:Int32Array,I16:Int16Array,U32:Uint32Array,U16:Uint16Array,U8:Uint8Array};function A(t){let e=Number(t.getBigUint64(0,!0)),n=new TextDecoder().decode(new Uint8Array(t.buffer,t.byteOffset+8,e)),r=JSON.parse(n),o=r.__metadata__??{},a=t.byteOffset+8+e,s=new Map;for(let[l,{dtype:c,shape:u,data_offsets:d}]of Object.entries(r)){if(l==="__metadata__")continue;let m=W[c];if(!m)throw new Error(`array "${l}" has the type ${c}, expected one of ${Object.keys(W).join(", ")}`);let f=new m(t.buffer.slice(a+d[0],a+d[1]));s.set(l,{shape:u,values:f})}return{metadata:o,tensors:s}}function Y(t){let e=t.chunk,n=e?A(Se(e)).tensors:new Map;return{number:t.number,facts:t.facts,arrays:n}}function Se(t){return new DataView(Uint8Array.from(atob(t),e=>e.charCodeAt(0)).buffer)}function x(t){if(t==null||!Number.isFinite(t))return"none";if(t===0||Number.isInteger(t))return String(t);let e=Math.abs(t);return e>=1e4||e<.001?t.toExponential(2):String(Number(t.toPrecision(4)))}function T(t,e){let n=document.createElement("canvas");n.className="fm-canvas",n.setAttribute("role","img"),n.setAttribute("aria-label",e),t.append(n);let r=n.getContext("2d"),[o,a]=[0,0];return{canvas:n,context:r,get width(){return o},get height(){return a},fit(s){let l=globalThis.devicePixelRatio||1,c=Math.max(200,Math.floor(t.clientWidth)),u=c!==o||s!==a||n.width!==Math.round(c*l);return u&&([o,a]=[c,s],n.width=Math.round(c*l),n.height=Math.round(s*l),n.style.width=`${c}px`,n.style.height=`${s}px`),r.setTransform(l,0,0,l,0,0),u}}}var L=class{canvas=document.createElement("canvas");context;image;constructor(){this.context=this.canvas.getContext("2d"),this.image=this.context.createImageData(1,1)}fill(e,n,r){(this.image.width!==e||this.image.height!==n)&&(this.canvas.width=e,this.canvas.height=n,this.image=this.context.createImageData(e,n));let o=new Uint32Array(this.image.data.buffer);for(let a=0;a<o.length;a++)o[a]=r(a);this.context.putImageData(this.image,0,0)}};var Me="440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",Ee="00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";function G(t){let e=t.split(" ").map(r=>Number.parseInt(r,16)),n=(r,o)=>r>>o&255;return Uint32Array.from({length:256},(r,o)=>{let a=o/255*(e.length-1),s=Math.min(Math.floor(a),e.length-2),l=c=>Math.round(n(e[s],c)*(s+1-a)+n(e[s+1],c)*(a-s));return Ae(l(16),l(8),l(0))})}function Ae(t,e,n,r=255){return(r<<24|n<<16|e<<8|t)>>>0}var Bt=G(Me),B=G(Ee);function O(t,e){return t[Math.max(0,Math.min(255,Math.round(e*255)))]}function J(t){return`rgb(${t&255} ${t>>8&255} ${t>>16&255})`}var k={cache:"#009E73",partly:"#CC79A7",ssd:"#E69F00",unknown:"#999999",mark:"#0072B2"};function C(t){let e=getComputedStyle(t),n=r=>e.getPropertyValue(r).trim();return{dark:t.closest(".fm-dark")!==null,text:n("--fm-text"),faint:n("--fm-faint"),line:n("--fm-line"),paper:n("--fm-paper"),accent:n("--fm-accent"),font:e.fontFamily}}function S(t){return t.toLocaleString("en")}function X(t){for(let[e,n]of[["TB",1e12],["GB",1e9],["MB",1e6],["kB",1e3]])if(t>=n)return`${P(t/n)} ${e}`;return`${t} B`}function Q(t){return t>=1e3?`${P(t/1e3)} s`:t>=1?`${P(t)} ms`:`${P(t*1e3)} µs`}function v(t){return Number.isFinite(t)?`${(t*100).toFixed(1)} %`:"unknown"}function Z(t){return t.replaceAll(`
`,"⏎").replaceAll("	","⇥").replaceAll(" ","␣")}function P(t){return t>=999.5?t.toFixed(0):t.toPrecision(3)}var H=72;function ee(t,e){let n=i("div","fm-says",{"data-name":"router-says"});t.append(n);let r=T(t,"probability of each expert; the chosen are marked"),o=i("div","fm-faint",{},"probability of each expert, by number; blue: chosen, orange: banned"),a=i("table","fm-top",{"data-name":"chosen"}),[s,l]=[i("div","fm-row"),i("div","fm-faint",{"data-name":"changes"})],c=Te("experts","experts, such as 3, 17"),u=()=>_e(c.value),d=i("input","",{type:"number",min:"1","data-name":"k","aria-label":"K of this layer"}),m=i("div","fm-row",{},c,b("ban","ban","choose among the others",()=>e("ban",{experts:u()})),b("force","force","choose these before all others; none ends it",()=>e("force",{experts:u()})),i("label","",{},"K ",d),b("set-k","set","use so many experts a token in this layer; empty is the model's own",()=>e("top_k",{k:d.value===""?null:Number(d.value)})),b("undo-layer","undo layer","take the changes of this layer's router back",()=>e("unpatch")),b("undo-all","undo all","take all changes of routers back",()=>e("unpatch",{everywhere:!0})));return t.append(o,m,s,l,a),(f,p)=>{let{router:g}=f.facts;for(let h of t.children)h.hidden=g===null&&h!==n;if(g===null){y(n,"no router at this place");return}p&&(y(n,Re(g)),y(l,`changes in force: ${f.facts.changes}`),d.placeholder=String(g.top_k),a.replaceChildren(...$e(g,e)),s.replaceChildren(...Le(g,e))),r.canvas.hidden=o.hidden=g.chosen.length===0,g.chosen.length&&Ce(r,f,g)}}function Te(t,e){return i("input","fm-grow",{type:"text","data-name":t,placeholder:e,"aria-label":e})}function _e(t){return(t.match(/\d+/g)??[]).map(Number)}function Re(t){if(t.chosen.length===0)return`layer ${t.layer}: the router has not chosen yet`;let e=t.margin===null?"all chosen":`margin ${x(t.margin)} logits`;return`layer ${t.layer}: ${t.chosen.length} of ${t.num_experts} experts, ${v(t.kept_mass??Number.NaN)} of the probability, ${e}, entropy ${x(t.entropy_bits)} bits`}function $e(t,e){if(t.chosen.length===0)return[];let n=["rank","expert","weight","probability",""],r=t.chosen.map(([o,a,s],l)=>{let c=b(`ban-${o}`,"ban",`ban expert ${o} in this layer`,()=>e("ban",{experts:[o]})),u=[String(l+1),`${o}${t.forced.includes(o)?" forced":""}`];return u.push(a.toFixed(4),v(s)),i("tr","",{},...u.map(d=>i("td","",{},d)),i("td","",{},c))});return[i("tr","",{},...n.map(o=>i("th","",{},o))),...r]}function Le(t,e){return t.banned.length===0?[]:["banned:",...t.banned.map(r=>b(`unban-${r}`,`${r} ×`,`allow expert ${r} again`,()=>e("ban",{experts:[r],on:!1})))]}function Ce(t,{arrays:e},n){t.fit(H);let{context:r,width:o,canvas:a}=t,s=C(a),l=e.get("probabilities").values,c=Math.max(...l),u=o/l.length,d=(m,f)=>{let p=Math.max(1,l[m]/c*H);r.fillStyle=f,r.fillRect(m*u,H-p,Math.max(1,u-(u>3?1:0)),p)};r.clearRect(0,0,o,H),l.forEach((m,f)=>{d(f,s.faint)});for(let[m]of n.chosen)d(m,k.mark);for(let m of n.banned)d(m,k.ssd)}function te(t,e){let n=i("div","fm-list",{"data-name":"breakpoints"}),[r,o,a]=["token","layer","expert"].map(f=>Pe(f)),s=i("select","",{"data-name":"break-stage","aria-label":"stage"}),l=i("select","",{"data-name":"break-measure","aria-label":"condition"}),c=i("input","",{type:"number",step:"any","data-name":"break-above",placeholder:"above"}),u=b("break","add","stop wherever all that is given holds",()=>{let f=l.value&&c.value?{measure:l.value,above:Number(c.value)}:{},p={token:I(r),layer:I(o),expert:I(a),stage:s.value||null};e("break",{...p,...f})}),d=b("clear","clear all","remove all breakpoints",()=>e("clear")),m=i("div","fm-row",{},r,o,a,s,l,c,u,d);return t.append(n,m),({facts:f},p)=>{if(!p)return;s.childElementCount===0&&(s.append(...["",...f.stages].map(h=>i("option","",{value:h},h||"any stage"))),l.append(...["",...f.measures].map(h=>i("option","",{value:h},h||"always")))),d.disabled=f.breakpoints.length===0;let g=f.breakpoints.map(({number:h,text:M})=>{let E=b(`clear-${h}`,"×",`remove breakpoint ${M}`,()=>e("clear",{number:h}));return i("div","fm-row",{},E,M)});n.replaceChildren(...g.length?g:[i("span","fm-faint",{},"no breakpoints: run goes to the end")])}}function Pe(t){let e=i("input","fm-short",{type:"number",min:"0","data-name":`break-${t}`,placeholder:t});return e.setAttribute("aria-label",`${t} to stop at`),e}function I(t){return t.value===""?null:Number(t.value)}function ne(t,e,n,r){let o=b(t,e,n,()=>r(t,{on:o.getAttribute("aria-pressed")!=="true"}));return o}function re(t,e){let n=ne("lens","logit lens","what would come next if the model ended here",e),r=i("span","fm-faint"),o=i("table","fm-top",{"data-name":"lens-table"});return t.append(i("div","fm-row",{},n,r),o),({facts:a},s)=>{if(!s)return;let{lens:l,wanted:c}=a;n.setAttribute("aria-pressed",String(c.lens));let u=l?`after ${l.layer===null?"":`layer ${l.layer}, `}${l.stage}`:"";y(r,c.lens?u||"no residual stream yet":""),o.replaceChildren(...(l?.tokens??[]).map(({text:d,id:m,share:f})=>{let p=i("div","fm-bar");p.style.width=`${Math.round(f*100)}px`;let g=[i("td","",{},i("code","",{},Z(d)||`[${m}]`))];return g.push(i("td","",{},v(f)),i("td","fm-bars",{},p)),i("tr","",{},...g)}))}}function oe(t,e){let n=ne("compare","before and after","run this layer without and with its changes, on copies",e),r=i("div","fm-says",{"data-name":"difference-says"}),[o,a]=[i("table","fm-top",{"data-name":"difference"}),i("table","fm-top")];return t.append(i("div","fm-row",{},n),r,i("div","fm-pair",{},o,a)),({facts:s},l)=>{if(!l)return;n.setAttribute("aria-pressed",String(s.wanted.comparing));let c=s.difference;y(r,c?He(c):s.wanted.comparing?"step into a layer to compare it":""),o.replaceChildren(...c?De(c):[]),a.replaceChildren(...c?.largest?Ne(c):[])}}function He(t){let e=t.stages.find(({name:r})=>r==="combine"),n=`layer ${t.layer}, its output changed by ${v(e?.relative??Number.NaN)}`;return t.comparable?`${n}; ${t.name}: cosine ${x(t.cosine)}, largest change ${x(t.largest)}`:`${n}; ${t.name} has another shape`}function De({stages:t}){let e=t.filter(({relative:o})=>o!==0),n=e.map(({name:o,relative:a})=>{let s=i("div","fm-bar");s.style.width=`${Math.round(Math.min(1,a??1)*80)}px`;let l=a===null?"other shape":v(a);return i("tr","",{},...[o,l].map(c=>i("td","",{},c)),i("td","fm-bars",{},s))}),r=i("tr","",{},i("td","",{colspan:"3"},`${t.length-e.length} values are the same`));return[i("tr","",{},...["value","change",""].map(o=>i("th","",{},o))),...n,r]}function Ne({most:t,name:e}){let n=["place","without","with"].map(o=>i("th","",{},o)),r=(t??[]).map(([o,a,s])=>{let l=[`${e}[${o}]`,x(a),x(s)];return i("tr","",{},...l.map(c=>i("td","",{},c)))});return[i("tr","",{},...n),...r]}function ae({facts:t}){return t.place?t.place.says:t.tokens.left?"before the next token: step into it":"all tokens are whole: add one, or give another prompt"}var D=72;function se(t,e){let n=i("select","fm-grow",{"data-name":"value","aria-label":"value shown"});n.addEventListener("change",()=>e("look",{name:n.value}));let r=i("div","fm-says",{"data-name":"value-facts"}),o=i("input","",{type:"number",step:"any",value:"2","data-name":"factor"});o.setAttribute("aria-label","factor, or seed of the shuffle");let a=i("div","fm-row",{},"change it:");for(let[p,g]of Fe)a.append(b(`edit-${p}`,p,g,()=>e("edit",{how:p,factor:Number(o.value)})));a.append(o);let s=i("input","fm-grow",{type:"range",min:"0","data-name":"rows","aria-label":"first row"});s.addEventListener("change",()=>e("look",{first_row:Number(s.value)})),t.append(i("div","fm-row",{},n),r);let l=T(t,"histogram of the value"),c=T(t,"slice of the value, dark is low"),u=i("div","fm-faint"),d=i("table","fm-top",{"data-name":"top"}),m=i("table","fm-top",{"data-name":"reads"});t.append(u,s,a,d,m);let f=new L;return(p,g)=>{let{value:h,reads:M}=p.facts;for(let E of[r,l.canvas,c.canvas,u,a,d])E.hidden=h===null;m.hidden=M.length===0,s.hidden=h===null||h.rows<=1||p.arrays.get("slice").shape[0]===h.rows,g&&(Be(n,p),y(r,h?Oe(h):""),d.replaceChildren(...h?Ie(p):[]),m.replaceChildren(...Ve(p)),s.max=String(h?h.rows-1:0),s.value=String(h?h.first_row:0)),h!==null&&(Ue(l,p,h),y(u,je(c,f,p,h)))}}var Fe=[["zero","put noughts in its place"],["scale","multiply it by the factor"],["shuffle","mix its last axis up; the number is the seed"]];function Be(t,{facts:e}){let n=[["","value of the stage"],...e.names.map(r=>[r,r])];t.replaceChildren(...n.map(([r,o])=>i("option","",{value:r},o))),t.value=e.wanted.name}function Oe(t){let e=t.n_not_finite?` · ${S(t.n_not_finite)} NOT FINITE`:"",n=t.n_zero?` · ${S(t.n_zero)} nought`:"";return`${t.name} · [${t.shape.join(", ")}] ${t.dtype} · ${x(t.minimum)} to ${x(t.maximum)} · mean ${x(t.mean)} · std ${x(t.std)} · rms ${x(t.rms)}${n}${e}`}function Ie({arrays:t}){let[e,n]=[t.get("top_index"),t.get("top_value").values],r=e.shape[1],o=l=>`[${Array.from(e.values.subarray(l*r,(l+1)*r)).join(", ")}]`,a=i("tr","",{},i("th","",{},"largest at"),i("th","",{},"value")),s=Array.from(n,(l,c)=>i("tr","",{},i("td","",{},o(c)),i("td","",{},x(l))));return[a,...s]}function Ve({facts:t}){if(t.reads.length===0)return[];let n=i("tr","",{},...["expert","slot","size","took","cached before"].map(o=>i("th","",{},o))),r=t.reads.map(o=>{let a=o.resident===null?"not measured":v(o.resident),s=[String(o.expert),String(o.slot),X(o.nbytes),Q(o.ms),a];return i("tr","",{},...s.map(l=>i("td","",{},l)))});return[n,...r]}function Ue(t,{arrays:e},n){t.fit(D);let{context:r,width:o,canvas:a}=t,[s,l]=[C(a),e.get("histogram").values],c=Math.max(1,...l),u=D-16;r.clearRect(0,0,o,D),r.fillStyle=J(O(B,s.dark?.75:.35)),l.forEach((d,m)=>{let f=Math.sqrt(d)/Math.sqrt(c)*u;r.fillRect(m/l.length*o,u-f,o/l.length-1,f)}),r.fillStyle=s.faint,r.font=`11px ${s.font}`,r.textBaseline="bottom",V(r,x(n.low),0,"left"),V(r,"counts, square root",o/2,"center"),V(r,x(n.high),o,"right")}function V(t,e,n,r){t.textAlign=r,t.fillText(e,n,D)}function je(t,e,{arrays:n},r){let{shape:o,values:a}=n.get("slice"),[s,l]=o,c=Math.max(Math.abs(r.minimum),Math.abs(r.maximum))||1;return e.fill(l,s,d=>{let m=a[d];return Number.isFinite(m)?O(B,.5+m/c/2):0}),t.fit(Math.max(12,Math.min(220,s*(s>24?4:8)))),t.context.clearRect(0,0,t.width,t.height),t.context.imageSmoothingEnabled=!1,t.context.drawImage(e.canvas,0,0,t.width,t.height),`${r.folded?`one vector, ${r.columns} values a row`:`rows ${r.first_row} to ${r.first_row+s-1} of ${r.rows}, columns 0 to ${l-1} of ${r.columns}`}; dark ${x(-c)}, bright ${x(c)}`}async function ie(t){let{width:e,height:n}=t.getBoundingClientRect();if(e<1||n<1)return null;let r=t.cloneNode(!0),[o,a]=[t.querySelectorAll("canvas"),r.querySelectorAll("canvas")];o.forEach((c,u)=>{if(c.hidden){a[u].remove();return}let d=new Image;d.src=c.toDataURL(),d.setAttribute("style",`${c.getAttribute("style")};display:block`),a[u].replaceWith(d)}),ze(t,r),qe(t,r);let s=new XMLSerializer().serializeToString(r),l=`<svg xmlns="http://www.w3.org/2000/svg" width="${e}" height="${n}"><foreignObject width="100%" height="100%">${s}</foreignObject></svg>`;try{return await Ke(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(l)}`,e,n)}catch{return null}}function ze(t,e){let n=e.querySelectorAll("input");t.querySelectorAll("input").forEach((a,s)=>{n[s].setAttribute("value",a.value),n[s].toggleAttribute("checked",a.checked)});let r=e.querySelectorAll("textarea");t.querySelectorAll("textarea").forEach((a,s)=>{r[s].textContent=a.value});let o=e.querySelectorAll("select");t.querySelectorAll("select").forEach((a,s)=>{[...o[s].options].forEach((l,c)=>{l.toggleAttribute("selected",c===a.selectedIndex)})})}function qe(t,e){let n=getComputedStyle(t);for(let r of["text","faint","line","paper","raised","accent","warn","error"])e.style.setProperty(`--fm-${r}`,n.getPropertyValue(`--fm-${r}`));e.style.font=n.font}async function Ke(t,e,n){let r=new Image;r.src=t,await r.decode();let o=document.createElement("canvas");o.width=Math.round(e),o.height=Math.round(n),o.getContext("2d").drawImage(r,0,0);let a=await new Promise(s=>o.toBlob(s,"image/png"));return a?a.arrayBuffer():null}function le(t,e,n){if(t.ctrlKey||t.metaKey||t.altKey)return!1;let r=t.target,o=r.closest("input, select, textarea")!==null;if(t.key==="Escape")e.select({layer:-1,expert:-1,token:-1,following:!0});else{if(o)return!1;if(t.key==="ArrowLeft"||t.key==="ArrowRight")Ye(e,t.key==="ArrowRight"?1:-1);else if(t.key==="ArrowUp"||t.key==="ArrowDown"){if(We(r))return!1;Ge(e,t.key==="ArrowDown"?1:-1)}else if(t.key===" "&&!r.closest("button"))n("toggle");else return!1}return!0}function We(t){let e=t.closest('[tabindex="0"]:not(.fm-root)');return e!==null&&e.scrollHeight>e.clientHeight}function Ye(t,e){let n=Math.max(0,Math.min(t.tokens-1,t.shownToken+e));t.tokens&&t.select({token:n,following:!1})}function Ge(t,e){let n=t.facts?.sparse_layers??[];if(n.length===0)return;let r=t.layerRow(t.selection.layer),o=r<0?e>0?0:n.length-1:Math.max(0,Math.min(n.length-1,r+e));t.select({layer:n[o],expert:-1})}var ce="fm-page",de;function ue(t){de=t,queueMicrotask(()=>{de===t&&Je(t)})}function Je(t){let e=document.getElementById(ce),n=document.getElementById(`${ce}-data`);if(!e||!n)return;let{traits:r,run:o}=JSON.parse(n.textContent??"{}"),a=t(),s=Qe({...r,run:Xe(o)});a.initialize({model:s}),a.render({model:s,el:e})}function Xe(t){return new DataView(Uint8Array.from(atob(t),e=>e.charCodeAt(0)).buffer)}function Qe(t){return{get:e=>t[e],set:(e,n)=>{t[e]=n},save_changes:()=>{},send:()=>{},on:()=>{}}}var _=class{constructor(e,n,r=96e6){this.width=n;this.mostBytes=r;this.data=e}width;mostBytes;first=0;end=0;data;has(e){return e>=this.first&&e<this.end}at(e,n=0){return this.has(e)?this.data[(e-this.first)*this.width+n]:Number.NaN}rows(e,n=e+1){let r=Math.max(e,this.first)-this.first,o=Math.min(n,this.end)-this.first;return this.data.subarray(r*this.width,Math.max(r,o)*this.width)}append(e,n){let r=Math.max(0,this.end-e),o=this.width?n.length/this.width:0;e>this.end&&(this.first=this.end=e);let a=n.subarray(r*this.width);a.length!==0&&(this.reserve(a.length),this.data.set(a,(this.end-this.first)*this.width),this.end=e+o)}reserve(e){let n=(this.end-this.first)*this.width;if(n+e<=this.data.length)return;let r=this.data.subarray(0,n);if((n+e)*this.data.BYTES_PER_ELEMENT>this.mostBytes&&this.width>1){let o=Math.floor((this.end-this.first)/2);this.data=this.grown(r.subarray(o*this.width),e),this.first+=o}else this.data=this.grown(r,Math.max(e,n))}grown(e,n){let r=this.data.constructor,o=new r(e.length+n);return o.set(e),o}};var N={PAGE_CACHE:0,PARTLY:1,SSD:2,INFERRED_PAGE_CACHE:3,INFERRED_SSD:4};var cn=[k.cache,k.partly,k.ssd,k.cache,k.ssd];function me(t){return t.source===N.PARTLY?t.before:t.source===N.PAGE_CACHE||t.source===N.INFERRED_PAGE_CACHE?1:0}function Ze(t){return t>=N.INFERRED_PAGE_CACHE}function et(t,e){let[n,r]=t.readsOf(e);return Array.from({length:Math.max(0,r-n)},(o,a)=>tt(t,n+a))}function tt(t,e){let n=r=>t.column(`read_${r}`).at(e);return{row:e,layer:n("layer"),expert:n("expert"),thread:n("thread"),bytes:n("bytes"),start:n("start_ms"),end:n("end_ms"),before:n("resident_fraction_before"),source:n("source")}}function nt(t,e){let n=r=>rt(r.map(o=>[o.start,o.end]));return{reads:t.length,bytes:t.reduce((r,o)=>r+o.bytes,0),hitBytes:t.reduce((r,o)=>r+o.bytes*me(o),0),inferred:t.some(r=>Ze(r.source)),readMs:n(t),ssdMs:n(t.filter(r=>me(r)<1)),passMs:e}}function rt(t){let[e,n]=[0,Number.NEGATIVE_INFINITY];for(let[r,o]of[...t].sort((a,s)=>a[0]-s[0]))e+=Math.max(0,o-Math.max(r,n)),n=Math.max(n,o);return e}var F=class{constructor(e){this.store=e}store;run="";known=new Map;of(e){let n=this.store.place?.run??"";n!==this.run&&this.known.clear(),this.run=n;let r=this.store.column("pass_start").at(e),o=this.known.get(r);if(o)return o;let a=this.store.column("end_ms").at(e)-this.store.column("start_ms").at(e),s=nt(et(this.store,e),a);return s.reads>0&&this.known.set(r,s),s}recent(e,n){let r=[];for(let o=e;o>=0&&r.length<n;o--)this.store.column("phase").at(o)===ot&&r.push(this.of(o));return r.reverse()}},ot=1;var at=255,R=class{facts=null;place=null;tokens=0;reads=0;countsBefore=new Uint32Array(0);residency=new Uint8Array(0);selection={token:-1,layer:-1,expert:-1,following:!0};connected=!1;error="";received={messages:0,rows:0,snapshots:0};sums=new F(this);columns=new Map;listeners=new Set;handlers=new Map;kept=new Map;column(e){let n=this.columns.get(e);return n||(n=new _(new Float32Array(0),1),this.columns.set(e,n)),n}get routedFirst(){return this.column("expert_ids").first}get keptExperts(){return this.column("expert_ids").width/Math.max(1,this.facts?.sparse_layers.length??1)}chosen(e,n){let r=this.keptExperts,o=this.column("expert_ids").rows(e).subarray(n*r,(n+1)*r),a=0;for(;a<o.length&&o[a]<this.facts.num_experts;)a++;return o.subarray(0,a)}get shownToken(){let{token:e,following:n}=this.selection;return n||e<0||e>=this.tokens?this.tokens-1:e}layerRow(e){return this.facts?this.facts.sparse_layers.indexOf(e):-1}text(e,n=e+1){let r=this.column("text_start").at(e),o=this.column("text_end").at(Math.min(n,this.tokens)-1);return Number.isNaN(r+o)?"":new TextDecoder().decode(this.column("text").rows(r,o))}readsOf(e){let n=this.column("pass_start").at(e),r=this.column("read_token");return[fe(r,n),fe(r,n+1)]}apply(e){let n=JSON.parse(e.metadata.place);if(n.run!==this.place?.run){if(!e.metadata.facts)return"gap";this.reset(JSON.parse(e.metadata.facts))}else if(n.token_row>this.tokens)return"gap";let r=e.tensors.get("token_id")?.shape[0]??0,o=n.complete!==this.place?.complete;this.place=n;let a=this.tokens;return(n.token_row+r>this.tokens||o||r===0)&&this.take(e,n,r),this.changed(),this.tokens>a||o?"applied":"nothing new"}setResidency(e,n){let r=this.layerRow(e);r<0||!this.facts||(this.residency.set(n,r*this.facts.num_experts),this.changed())}select(e){let n={...this.selection,...e};Object.keys(n).every(o=>n[o]===this.selection[o])||(Object.assign(this.selection,e),this.changed())}onChange(e){return this.listeners.add(e),()=>this.listeners.delete(e)}changed(){for(let e of this.listeners)e()}onPart(e,n){let r=this.handlers.get(e)??new Set;this.handlers.set(e,r.add(n));let o=this.kept.get(e);return o&&n(o,[]),()=>r.delete(n)}keeps(e){return this.kept.has(e)}keep(e){this.kept.set(e.kind,e),this.hand(e,[])}hand(e,n){for(let r of this.handlers.get(e.kind)??[])r(e,n);this.changed()}reset(e){let n=e.sparse_layers.length*e.num_experts;this.facts=e,this.place=null,this.tokens=this.reads=0,this.columns=new Map,this.countsBefore=new Uint32Array(n),this.residency=new Uint8Array(n).fill(at),this.error=""}take(e,n,r){let o=e.tensors.get("counts_before");o&&n.routed_row>this.column("expert_ids").end&&this.countsBefore.set(o.values);for(let[a,s]of e.tensors)a!=="counts_before"&&(this.column(a).end===0&&this.columns.set(a,lt(s)),this.put(a,it(a,n),s.values));this.tokens=Math.max(this.tokens,n.token_row+r),this.reads=this.column("read_token").end}put(e,n,r){let o=this.column(e);if(e!=="expert_ids"){o.append(n,r);return}let[a,s]=[o.first,o.rows(o.first,o.end)];o.append(n,r),o.first>a&&o.first<n&&this.count(s.subarray(0,(o.first-a)*o.width))}count(e){let{num_experts:n,sparse_layers:r}=this.facts;for(let o=0;o<e.length;o++){let a=Math.floor(o/this.keptExperts)%r.length;e[o]<n&&this.countsBefore[a*n+e[o]]++}}},st=new Set(["expert_ids","routing_weights","router_entropy","kept_mass","router_margin"]);function it(t,e){return t==="text"?e.text_byte:t.startsWith("read_")?e.read_row:t.startsWith("patch_")?e.patch_row:st.has(t)||t.startsWith("layer_")?e.routed_row:e.token_row}function lt(t){let e=t.shape.slice(1).reduce((n,r)=>n*r,1);return new _(t.values.slice(0,0),e)}function fe(t,e){let[n,r]=[t.first,t.end];for(;n<r;){let o=n+r>>1;t.at(o)<e?n=o+1:r=o}return n}var pe=`.fm-root {
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
`;var U=["token","layer","expert","following"],$=class{constructor(e,n){this.model=e;this.store=n;e.on("msg:custom",(r,o)=>this.receive(r,o)),e.on("change:run",()=>this.load()),e.on("change:state",()=>this.kept());for(let r of U)e.on(`change:${r}`,()=>this.selected([r]));e.on("comm_live_update",()=>this.gone()),this.load(),this.kept(),this.selected(U),n.onChange(()=>this.publish()),this.ask()}model;store;painted={token:-1,frames:0,latencies:[]};asked=!1;seq=0;toldPainted=-1;send=(e,n={})=>{this.tell({kind:"command",name:e,args:n})};picture(e){this.tell({kind:"picture"},[e])}tell(e,n=[]){if(this.store.connected)try{this.model.send(e,void 0,n)}catch{this.gone()}}receive(e,n){if(e?.parts===void 0)return;this.store.connected=!0;let r=0;for(let o of e.parts){let a=n.slice(r,r+o.n_buffers);r+=o.n_buffers,o.kind==="rows"?this.rows(a[0]):o.kind==="residency"?this.store.setResidency(o.layer,dt(a[0])):this.other(o,a)}this.store.received.messages++,this.seq=e.seq,this.acknowledge()}settle(){this.painted.token!==this.toldPainted&&this.acknowledge()}acknowledge(){let{token:e,frames:n,latencies:r}=this.painted;this.toldPainted=e,this.tell({kind:"ack",seq:this.seq,painted:e,frames:n,latencies:r.splice(0)})}rows(e){let n=this.store.tokens;this.store.apply(A(e))==="gap"?this.ask():this.asked=!1,this.store.received.rows+=Math.max(0,this.store.tokens-n)}other(e,n){e.kind==="hello"&&(this.asked=!1),e.kind==="error"&&(this.store.error=String(e.text)),this.store.hand(e,n)}load(){let e=this.model.get("run");!e||e.byteLength===0||this.store.apply(A(e))==="applied"&&this.store.received.snapshots++}kept(){for(let e of Object.values(this.model.get("state")??{}))this.store.keep(e)}ask(){this.asked||(this.asked=!0,this.model.send({kind:"snapshot?",run:this.store.place?.run??"",tokens:this.store.tokens}))}selected(e){let n=Object.fromEntries(e.map(r=>[r,this.model.get(r)]));this.store.select(n)}publish(){let{model:e,store:n}=this,r=U.filter(o=>e.get(o)!==n.selection[o]);for(let o of r)e.set(o,n.selection[o]);r.length&&e.save_changes()}gone(){this.store.connected=!1,this.store.changed()}};function dt(t){return new Uint8Array(t.buffer,t.byteOffset,t.byteLength)}var ut=1500,mt=150,ft=navigator.hardwareConcurrency<=4?30:0;function he(t){let e=()=>{let n;return{initialize({model:r}){n=new $(r,new R)},render({model:r,el:o}){return n??=new $(r,new R),pt(t,o,n)}}};return ue(e),e}function pt(t,e,n){let{store:r,send:o}=n,a=t.ready??(w=>w.facts!==null),s=gt(t,a);e.append(s.root);let l=t.make(s.body,r,o),c=!0,[u,d,m,f]=[0,0,0,0],p=()=>{u||=requestAnimationFrame(h)},g=()=>{c=!0,p()},h=w=>{if(u=0,w-d<ft){p();return}s.show(r);let be=c;c=!1,a(r)&&l.draw(w,be)&&p(),ht(n),d=w,f||=setTimeout(M,mt),clearTimeout(m),m=setTimeout(E,ut)},M=()=>{f=0,s.status(n)},E=async()=>{if(n.settle(),!a(r)||!r.connected||document.hidden||d===0)return;let w=await ie(s.root);w&&n.picture(w)},ge=[r.onChange(g),wt(s.root,g),xt(s.root,g)];return s.root.addEventListener("keydown",w=>{le(w,r,o)&&(w.preventDefault(),w.stopPropagation())}),p(),()=>{for(let w of ge)w();cancelAnimationFrame(u),clearTimeout(m),clearTimeout(f),l.destroy(),s.root.remove()}}function ht({store:t,painted:e}){e.frames++;let n=t.tokens-1;if(n===e.token)return;e.token=n;let r=Date.now()-(t.place.epoch_ms+t.column("end_ms").at(n));n>=0&&!t.place.complete&&e.latencies.length<100&&e.latencies.push(Math.round(r*10)/10)}function gt(t,e){let n=i("style","",{},pe),r=i("span","fm-of"),o=i("div","fm-head",{},i("span","fm-name",{},t.name),r),a=i("div","fm-body"),s=i("div","fm-empty",{},"Nothing to show yet. ",i("code","",{},t.hint)),l=i("div","fm-error",{role:"alert"}),c=i("div","fm-status"),u=i("div","fm-root",{role:"group","aria-label":t.name,tabindex:"0"});return u.append(n,o,a,s,l,c),{root:u,body:a,show(d){a.hidden=!e(d),s.hidden=e(d),y(r,d.facts?bt(d):""),y(l,d.error),l.hidden=d.error===""},status({store:d,painted:m}){let{messages:f,rows:p,snapshots:g}=d.received;Object.assign(c.dataset,{tokens:d.tokens,painted:m.token,frames:m.frames}),Object.assign(c.dataset,{messages:f,rows:p,snapshots:g,connected:d.connected,shown:d.shownToken}),y(c,d.facts?yt(d,m.token):"")}}}function bt(t){let e=t.place?.complete?"recorded":"recording";return`${t.facts.label} · ${e} · ${t.facts.machine}`}function yt(t,e){let{messages:n,rows:r}=t.received,o=`${S(t.tokens)} tokens, ${S(t.reads)} reads, newest painted: ${e<0?"none":e}`,a=n>1&&r>0?` · ${S(r)} live in ${S(n)} messages`:"",s=t.routedFirst,l=s>0?` · routing from token ${S(s)} on (${v(1-s/t.tokens)})`:"",c=n===0?"":" · no kernel: what it sent last";return o+a+l+(t.connected?"":c)}function xt(t,e){let n=new ResizeObserver(e);return n.observe(t),()=>n.disconnect()}function wt(t,e){let n=matchMedia("(prefers-color-scheme: dark)"),r=()=>{let a=getComputedStyle(t).getPropertyValue("--jp-ui-font-color1")!=="";t.classList.toggle("fm-plain",!a),t.classList.toggle("fm-dark",a?vt(t):n.matches),e()},o=new MutationObserver(r);return o.observe(document.body,{attributes:!0}),n.addEventListener("change",r),requestAnimationFrame(r),()=>{o.disconnect(),n.removeEventListener("change",r)}}function vt(t){let[e,n,r]=(getComputedStyle(t).backgroundColor.match(/[\d.]+/g)??["255","255","255"]).map(Number);return .299*e+.587*n+.114*r<128}var kt=[["back","◂ stage","one stage back (b)"],["back_layer","◂ layer","to the layer's first stage, then to the one before (up)"],["step","stage ▸","one stage on (s)"],["layer","layer ▸","to the next layer (down)"],["token","token ▸","to the next token (right)"],["run","run","to the next breakpoint, or to the end of the tokens (r)"],["grow","+ token","when all tokens are whole: add the likeliest next one and step into it"],["halt","halt","stop a run at the end of the token at hand, and forget clicks that wait"]],St={s:"step"," ":"step",b:"back",r:"run",ArrowDown:"layer",ArrowUp:"back_layer",ArrowRight:"token",ArrowLeft:"back"},Mt=(t,e,n)=>{let r=(m,f={})=>n("debugger",{do:m,...f}),o=i("div","fm-debugger");t.append(i("style","",{},j),o);let a=At(o,r),s=[K(o),z(o,r),q(o,r)],l=i("div","fm-panes");o.append(l);for(let[m,f]of Et){let p=i("section","fm-pane",{"aria-label":m},i("h4","",{},m)),g=i("div","");p.append(g),l.append(p);for(let h of f)s.push(h(g.appendChild(i("div","")),r))}let[c,u]=Tt(e,a);o.addEventListener("keydown",m=>_t(m,r));let d=-1;return{draw(){let m=c();if(m===null)return;let f=m.number!==d;d=m.number;let p=m.facts.place?.layer??null;f&&p!==null&&e.select({layer:p}),a.show(m,e.connected),Rt(o,()=>{for(let g of s)g(m,f)})},destroy:u}},Et=[["Value",[se]],["Router",[ee]],["Lens and difference",[re,oe]],["Breakpoints",[te]]];function At(t,e){let n=i("div","fm-row",{role:"toolbar","aria-label":"steps"}),r=kt.map(([u,d,m])=>b(u,d,m,()=>e(u))),o=i("span","fm-faint",{"data-name":"doing"});n.append(...r,o);let a=i("input","fm-grow",{type:"text","data-name":"prompt",placeholder:"another prompt"});a.setAttribute("aria-label","another prompt");let s=b("start","step through it","begin again with this prompt",()=>e("prompt",{text:a.value}));a.addEventListener("keydown",u=>{u.key==="Enter"&&s.click()});let l=i("div","fm-place",{role:"status","data-name":"place"}),c=i("div","fm-error",{role:"alert","data-name":"debugger-error"});return t.append(n,i("div","fm-row",{},a,s),l,c),{show(u,d){y(l,ae(u)),y(c,u.facts.error),c.hidden=u.facts.error==="";for(let m of[...r,s])m.disabled=!d;l.dataset.number=String(u.number)},busy(u){y(o,u)}}}function Tt(t,e){let n=null,r=[t.onPart("debugger",o=>{o.number!==n?.number&&(n=Y(o)),e.busy("")}),t.onPart("debugger_refused",({text:o})=>e.busy(String(o))),t.onPart("debugger_busy",({doing:o,ahead:a})=>{e.busy(`${o} …${a>0?` ${a} before it`:""}`)})];return[()=>n,()=>{for(let o of r)o()}]}function _t(t,e){let n=t.target;if(t.ctrlKey||t.metaKey||t.altKey||n.closest("input, select, textarea"))return;let r=St[t.key];r===void 0||t.key===" "&&n.closest("button")||(e(r),t.preventDefault(),t.stopPropagation())}function Rt(t,e){let n=document.activeElement?.dataset?.name,r=t.contains(document.activeElement);e(),r&&n&&!t.contains(document.activeElement)&&t.querySelector(`[data-name="${n}"]`)?.focus()}var Hn=he({name:"LayerDebugger",hint:'LayerDebugger(session, "a prompt")',make:Mt,ready:t=>t.keeps("debugger")});export{Hn as default,Mt as makeLayerDebugger};
