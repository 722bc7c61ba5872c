/*-------------------------------------------------------------------------
 *
 * page_style.c
 *	  How the page looks, and that nothing else may say so.
 *
 * All colours are variables: a light set, and a dark one for who prefers it.
 * The text of each kind of state has a contrast of 4.5 and more on its ground.
 *
 * The document is XML, too: no "<" and no "&" in here.  The policy of the page
 * names this text by its hash; attributes "style" and scripts have no effect.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "page.h"

/* clang-format off */
const char pgt_page_style[] =
	":root{color-scheme:light dark;\n"
	"--page:#f3f5f8;--card:#ffffff;--line:#d5dbe3;--faint:#e9edf2;\n"
	"--ink:#1b2330;--soft:#556072;--edge:#8793a5;\n"
	"--good:#1a7240;--good-b:#e2f4e8;--busy:#1559b7;--busy-b:#e3eefc;\n"
	"--idle:#556072;--idle-b:#e9edf2;--warn:#8a5200;--warn-b:#fdf0d5;\n"
	"--bad:#b3202c;--bad-b:#fde5e6}\n"
	"@media (prefers-color-scheme:dark){:root{\n"
	"--page:#0e131a;--card:#171e28;--line:#303b4a;--faint:#222c39;\n"
	"--ink:#e4e9f0;--soft:#9caabb;--edge:#66758a;\n"
	"--good:#56c983;--good-b:#143322;--busy:#79b2ff;--busy-b:#152c4d;\n"
	"--idle:#9caabb;--idle-b:#222c39;--warn:#f0b04c;--warn-b:#3b2a0c;\n"
	"--bad:#ff8088;--bad-b:#461c21}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0;background:var(--page);color:var(--ink);\n"
	"font:15px/1.45 system-ui,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif}\n"
	"header,main,footer{max-width:1600px;margin:0 auto;padding:0 20px}\n"
	"header{display:flex;flex-wrap:wrap;gap:8px 24px;align-items:center;\n"
	"justify-content:space-between;padding-top:22px}\n"
	"h1{font-size:26px;line-height:1.2;margin:0;overflow-wrap:anywhere}\n"
	"h2{font-size:17px;margin:0 0 8px}\n"
	"header p,footer{color:var(--soft)}\n"
	"header p{margin:2px 0 0}\n"
	"footer{padding-top:4px;padding-bottom:24px;font-size:13px}\n"
	".overall{font-size:17px;font-weight:650;padding:8px 18px;border-radius:99px}\n"
	"section,.tiles li{background:var(--card);border:1px solid var(--line);\n"
	"border-radius:10px}\n"
	"section{padding:16px 18px;margin:14px 0;min-width:0}\n"
	".tiles{list-style:none;margin:18px 0 0;padding:0;display:grid;gap:14px;\n"
	"grid-template-columns:repeat(auto-fit,minmax(150px,1fr))}\n"
	".tiles li{padding:12px 16px;border-left-width:5px}\n"
	".tiles b{display:block;font-size:21px;line-height:1.2;font-weight:650;\n"
	"font-variant-numeric:tabular-nums;overflow-wrap:anywhere}\n"
	".tiles span{color:var(--soft);font-size:13px}\n"
	".tiles .good{border-left-color:var(--good)}\n"
	".tiles .busy{border-left-color:var(--busy)}\n"
	".tiles .idle{border-left-color:var(--idle)}\n"
	".tiles .warn{border-left-color:var(--warn)}\n"
	".tiles .bad{border-left-color:var(--bad)}\n"
	".badge{display:inline-block;padding:1px 9px;border-radius:99px;\n"
	"font-size:13px;font-weight:600;white-space:nowrap}\n"
	".badge.source{color:var(--soft);border:1px solid var(--edge);padding:0 8px}\n"
	".good{--c:var(--good);--b:var(--good-b)}\n"
	".busy{--c:var(--busy);--b:var(--busy-b)}\n"
	".idle{--c:var(--idle);--b:var(--idle-b)}\n"
	".warn{--c:var(--warn);--b:var(--warn-b)}\n"
	".bad{--c:var(--bad);--b:var(--bad-b)}\n"
	".badge.good,.badge.busy,.badge.idle,.badge.warn,.badge.bad,.overall{\n"
	"color:var(--c);background:var(--b)}\n"
	".legend{display:flex;flex-wrap:wrap;gap:6px;margin:0 0 10px}\n"
	".findings{list-style:none;margin:0;padding:0}\n"
	".findings li{display:flex;gap:10px;align-items:baseline;padding:6px 0;\n"
	"border-top:1px solid var(--faint)}\n"
	".findings li:first-child{border-top:0}\n"
	".findings bdi{overflow-wrap:anywhere;min-width:0}\n"
	".facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));\n"
	"gap:10px 20px;margin:0}\n"
	".facts dt{color:var(--soft);font-size:13px}\n"
	".facts dd{margin:0;overflow-wrap:anywhere}\n"
	"@media (min-width:1640px){.wide{width:max-content;min-width:100%;\n"
	"max-width:calc(100vw - 40px);position:relative;left:50%;\n"
	"transform:translateX(-50%)}}\n"
	".scroll{overflow:auto;max-width:100%}\n"
	"svg{display:block}\n"
	"@media (min-width:900px){.fits{max-width:100%;height:auto}}\n"
	"table{border-collapse:collapse;width:100%;font-size:14px}\n"
	"caption{text-align:left;color:var(--soft);font-size:13px;padding-bottom:6px}\n"
	"th,td{padding:6px 14px 6px 0;text-align:left;vertical-align:baseline;\n"
	"border-top:1px solid var(--faint)}\n"
	"thead th{color:var(--soft);font-size:13px;font-weight:600;border-top:0;\n"
	"white-space:nowrap}\n"
	"tbody th{font-weight:400;min-width:11em}\n"
	"tr:target th,tr:target td{background:var(--busy-b)}\n"
	".number{text-align:right;font-variant-numeric:tabular-nums}\n"
	".name,.box text,text.label{font-family:ui-monospace,SFMono-Regular,Menlo,\n"
	"Consolas,\"DejaVu Sans Mono\",\"Liberation Mono\",monospace}\n"
	".name{font-size:13px;overflow-wrap:anywhere}\n"
	".message{overflow-wrap:anywhere;white-space:pre-line}\n"
	".nowrap{white-space:nowrap}\n"
	"details summary{cursor:pointer;color:var(--soft);padding:6px 0}\n"
	"a{color:inherit}\n"
	".edge{fill:none;stroke:var(--edge);stroke-width:1.4}\n"
	".edge:hover{stroke:var(--busy);stroke-width:3}\n"
	".head{fill:var(--edge)}\n"
	".box text{font-size:12px;fill:var(--ink);unicode-bidi:isolate}\n"
	".box .state{font-size:11.5px;fill:var(--c,var(--soft))}\n"
	".box .label{font-weight:600}\n"
	".box a{text-decoration:none}\n"
	".node{fill:var(--card);stroke:var(--line);stroke-width:1.2}\n"
	".source .node{fill:var(--page);stroke:var(--edge);stroke-dasharray:4 3}\n"
	".source .label{font-weight:400}\n"
	".box.warn .node,.box.bad .node,.box.busy .node{fill:var(--b);stroke:var(--c)}\n"
	".stripe,.bar{fill:var(--c)}\n"
	"a:focus .node,a:hover .node{stroke:var(--busy);stroke-width:2}\n"
	"text.label{font-size:12px;fill:var(--ink);unicode-bidi:isolate}\n"
	"text.tick{font-size:12px;fill:var(--soft)}\n"
	"path.tick{stroke:var(--line)}\n"
	".lane{stroke:var(--faint)}\n"
	"@media (max-width:640px){\n"
	"header,main,footer{padding-left:12px;padding-right:12px}\n"
	"h1{font-size:22px}section{padding:12px}\n"
	".tiles{grid-template-columns:1fr 1fr;gap:10px}.tiles b{font-size:20px}\n"
	".findings li{flex-direction:column;gap:3px}\n"
	"thead{position:absolute;clip-path:inset(50%);width:1px;height:1px}\n"
	"table,tbody,tr,caption{display:block}\n"
	"tr{border-top:1px solid var(--line);padding:8px 0}\n"
	"th,td,td.number{display:block;border:0;min-width:0;padding:1px 0;\n"
	"text-align:left}\n"
	"td:empty{display:none}tbody .name{font-weight:600}\n"
	"td::before{content:attr(data-title) \": \";color:var(--soft)}}\n"
	"@media print{body{background:#fff}section,.tiles li{break-inside:avoid}}\n";
/* clang-format on */

char *
pgt_page_policy(void)
{
	Datum style = CStringGetTextDatum(pgt_page_style);
	Datum hash = DirectFunctionCall1(sha256_bytea, style);
	Datum base64 = DirectFunctionCall2(binary_encode, hash,
									   CStringGetTextDatum("base64"));

	return psprintf("default-src 'none'; style-src 'sha256-%s';"
					" base-uri 'none'; form-action 'none'",
					TextDatumGetCString(base64));
}
