"""The page's look. Colors are told apart by people who see no red or green, in light and dark."""

STYLE = """
:root{--bg:#f5f6f8;--card:#fff;--ink:#18202b;--soft:#5b6675;--line:#e2e6ec;--fan:#2f6fde;
--ready:#0b8a6a;--restoring:#d98200;--miss:#cf3a24;--good:#0a7d5f;--bad:#c0311b;--other:#9aa5b4;
--bound:#c9d1db;--shade:0 1px 2px #1018280d,0 4px 16px #1018280a;color-scheme:light}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){--bg:#0d1117;--card:#161c25;
--ink:#e7ecf3;--soft:#95a1b2;--line:#28303c;--fan:#6ea3ff;--ready:#2dc79b;--restoring:#f3ab3c;
--miss:#ff7a63;--good:#3bd3a6;--bad:#ff8a75;--other:#667385;--bound:#3c4757;
--shade:0 1px 2px #0006;color-scheme:dark}}
:root[data-theme=dark]{--bg:#0d1117;--card:#161c25;--ink:#e7ecf3;--soft:#95a1b2;--line:#28303c;
--fan:#6ea3ff;--ready:#2dc79b;--restoring:#f3ab3c;--miss:#ff7a63;--good:#3bd3a6;--bad:#ff8a75;
--other:#667385;--bound:#3c4757;--shade:0 1px 2px #0006;color-scheme:dark}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1160px;margin:0 auto;padding:32px 24px 56px;display:grid;gap:20px}
header{display:flex;justify-content:space-between;align-items:start;gap:24px}
h1{font-size:30px;line-height:1.2;letter-spacing:-.02em;margin:4px 0 0}
h2{font-size:18px;letter-spacing:-.01em;margin:0}h3{font-size:13.5px;font-weight:600;margin:0}
.brand{display:flex;align-items:center;gap:8px;color:var(--ready);font-weight:700;font-size:14px}
.brand svg{width:18px;height:18px}
button{font:inherit;font-size:13.5px;color:var(--soft);background:var(--card);cursor:pointer;
border:1px solid var(--line);border-radius:8px;padding:6px 12px;white-space:nowrap}
button:hover{color:var(--ink)}
.words{font-size:17.5px;max-width:82ch;margin:0;display:grid;gap:8px}.words p{margin:0}
.words p+p{color:var(--soft);font-size:16px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(186px,1fr));gap:14px}
.tile,figure,details{background:var(--card);border:1px solid var(--line);border-radius:12px;
box-shadow:var(--shade)}
.tile{padding:16px 18px}.tile h3{color:var(--soft)}
.tile strong{display:block;font-size:31px;line-height:1.25;letter-spacing:-.02em;
font-variant-numeric:tabular-nums}
.tile p{margin:0;color:var(--soft);font-size:13.5px}
.tile.good strong,.tile.good p{color:var(--good)}.tile.bad strong,.tile.bad p{color:var(--bad)}
figure{margin:0;padding:18px 18px 10px;min-width:0}
figcaption{display:flex;flex-wrap:wrap;align-items:baseline;gap:2px 14px;margin-bottom:8px}
figcaption p{margin:0;color:var(--soft);font-size:14px}
.legend{list-style:none;margin:0 0 0 auto;padding:0;display:flex;flex-wrap:wrap;gap:4px 16px;
font-size:13.5px;color:var(--soft)}
.legend li{display:flex;align-items:center;gap:7px}
.key{width:18px;height:0;border-top:3px solid currentColor;border-radius:2px}
.key.block{height:12px;border:0;background:currentColor;opacity:.45;border-radius:3px}
.key.dashed{border-top-style:dashed}
.key.dotted{width:8px;height:8px;border:0;border-radius:50%;background:currentColor}
.key.ink{color:var(--ink)}.key.fan{color:var(--fan)}.key.ready{color:var(--ready)}
.key.restoring{color:var(--restoring)}.key.miss{color:var(--miss)}
.scroll{overflow-x:auto}svg{display:block}
.scroll>svg{width:100%;min-width:680px;height:auto;overflow:visible;border-radius:6px}
svg:focus-visible,button:focus-visible{outline:2px solid var(--fan);outline-offset:2px}
svg text{font-size:12.5px;fill:var(--soft);font-variant-numeric:tabular-nums}
svg .end{text-anchor:end}svg .mid{text-anchor:middle}svg .note{font-size:15px}
svg .name{font-size:15px;fill:var(--ink);font-weight:600}
svg .amount{font-size:15px;fill:var(--ink);font-weight:600}
svg tspan.good{fill:var(--good);font-weight:500}svg tspan.bad{fill:var(--bad);font-weight:500}
.grid{stroke:var(--line)}.tick{stroke:var(--soft);opacity:.6}
.cursor{stroke:var(--soft);stroke-dasharray:3 3;pointer-events:none}
.line{fill:none;stroke-width:1.5;stroke-linejoin:round}.line.thick{stroke-width:2.4}
.line.dashed{stroke-dasharray:5 4}
.line.ink{stroke:var(--ink)}.line.fan{stroke:var(--fan)}.line.ready{stroke:var(--ready)}
.line.miss{stroke:var(--miss)}
.band.fan{fill:var(--fan)}.mask{fill:var(--card)}
.area{opacity:.5}.area.solid{opacity:.28}
.area.ready{fill:var(--ready)}.area.restoring{fill:var(--restoring)}.area.miss{fill:var(--miss)}
.dot{fill:var(--restoring);opacity:.75}
.bar.own{fill:var(--ready)}.bar.other{fill:var(--other)}.bar.bound{fill:var(--bound)}
#tip{position:fixed;z-index:9;pointer-events:none;background:var(--card);color:var(--ink);
border:1px solid var(--line);border-radius:9px;padding:8px 12px;font-size:13.5px;line-height:1.55;
box-shadow:0 6px 24px #0004;font-variant-numeric:tabular-nums;display:none}
#tip b{display:block;font-size:12.5px;color:var(--soft);font-weight:600}
#tip div{display:flex;align-items:center;gap:8px}#tip i{margin-left:auto;padding-left:14px;
font-style:normal;font-weight:600}
details{padding:14px 18px}summary{cursor:pointer;font-weight:600}
table{border-collapse:collapse;width:100%;font-size:14px;margin-top:10px}
td,th{padding:5px 10px 5px 0;border-top:1px solid var(--line);text-align:left;vertical-align:top}
td:first-child{color:var(--soft);white-space:nowrap;font-variant-numeric:tabular-nums;width:1%}
footer{color:var(--soft);font-size:13.5px}footer p{margin:2px 0}
@media (max-width:640px){main{padding:18px 12px}h1{font-size:24px}.legend{margin-left:0}}
@media print{button,#tip{display:none!important}body{background:#fff}figure{break-inside:avoid}}
"""
