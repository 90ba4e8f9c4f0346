import PlainText

/// The one style sheet of the edge's pages. System fonts, two colour schemes, no images.
enum PageStyle {
  static let sheet = """
    :root{color-scheme:light dark;--paper:#f2f4f1;--card:#fff;--ink:#19211d;--soft:#55605a;--line:#d8ddd8;--edge:#87938c;\
    --accent:#0b5d4e;--accent-soft:#e4f1ed;--on-accent:#fff;--bad:#a3261b;--bad-soft:#fbebe9;--on-bad:#fff;\
    --warn:#6b4705;--warn-line:#c98a1b;--warn-soft:#fdf4e0;--idle:#9aa59f}
    @media screen and (prefers-color-scheme:dark){:root{--paper:#101412;--card:#181d1a;--ink:#e7ece9;--soft:#a2aea8;--line:#2b3430;\
    --edge:#6c7a73;--accent:#6fd3b6;--accent-soft:#15302a;--on-accent:#05241d;--bad:#ff9f94;--bad-soft:#351a17;--on-bad:#2b0805;\
    --warn:#f6d998;--warn-line:#b98420;--warn-soft:#2d2411;--idle:#5d6963}}
    *{box-sizing:border-box}
    html{background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;\
    -webkit-text-size-adjust:100%}
    body{margin:0;padding:clamp(1.25rem,6vh,4.5rem) 1rem 2rem;overflow-wrap:break-word}
    header,main,footer{max-width:40rem;margin:0 auto}
    header{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:.5rem 1.25rem;padding:0 .25rem 1rem}
    header p{display:flex;align-items:center;gap:.625rem;margin:0;font-weight:600;letter-spacing:-.01em}
    header svg{width:1.625rem;height:1.625rem;color:var(--accent);flex:none}
    nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:0;padding:0;font-size:.9375rem}
    nav a{display:inline-block;padding:.25rem 0;color:var(--soft);text-decoration:none;border-bottom:2px solid transparent}
    nav a:hover{color:var(--ink);border-color:var(--edge)}
    nav a[aria-current]{color:var(--ink);font-weight:600;border-color:var(--accent)}
    main{background:var(--card);border:1px solid var(--line);border-radius:16px;padding:2rem}
    footer{padding:1rem .25rem 0;color:var(--soft);font-size:.8125rem;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;justify-content:space-between}
    footer p{margin:0}
    footer code{-webkit-user-select:all;user-select:all}
    h1{font-size:1.625rem;line-height:1.2;letter-spacing:-.02em;margin:0 0 .75rem;text-wrap:balance;overflow-wrap:anywhere}
    h1,dd,strong,code,summary,.small{unicode-bidi:isolate}
    h2{font-size:1.0625rem;line-height:1.3;margin:2rem 0 .5rem;letter-spacing:-.01em}
    p{margin:0 0 .875rem}
    main>:last-child{margin-bottom:0}
    .eyebrow{font-size:.75rem;font-weight:600;letter-spacing:.08em;text-transform:uppercase;color:var(--accent);margin:0 0 .625rem}
    .eyebrow.bad{color:var(--bad)}
    .lead{font-size:1.0625rem;color:var(--soft);text-wrap:pretty}
    .lead strong{color:var(--ink);font-weight:600;overflow-wrap:anywhere}
    .small{font-size:.875rem;color:var(--soft)}
    a{color:var(--accent);text-underline-offset:.18em}
    code,.code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.875em;overflow-wrap:anywhere}
    dl{margin:1.25rem 0;border-top:1px solid var(--line)}
    dl>div{display:grid;grid-template-columns:8rem 1fr;gap:.125rem 1rem;padding:.625rem 0;border-bottom:1px solid var(--line)}
    dt{color:var(--soft);font-size:.9375rem}
    dd{margin:0;overflow-wrap:anywhere;min-width:0}
    dd small{display:block;color:var(--soft);font-size:.8125rem}
    .tag{display:inline-block;font-size:.75rem;font-weight:600;border-radius:99px;padding:.0625rem .5rem;background:var(--accent-soft);color:var(--accent)}
    .tag.warn{background:var(--warn-soft);color:var(--warn)}
    .tag.bad{background:var(--bad-soft);color:var(--bad)}
    .note{border-radius:10px;padding:.8125rem 1rem;margin:1.25rem 0;border:1px solid var(--line);font-size:.9375rem}
    .note p{margin:0}
    .note p+p{margin-top:.375rem}
    .note.good{background:var(--accent-soft);border-color:var(--accent)}
    .note.warn{background:var(--warn-soft);border-color:var(--warn-line);color:var(--warn)}
    .note.bad{background:var(--bad-soft);border-color:var(--bad);color:var(--bad)}
    .actions{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.5rem 0 0}
    .actions form{display:contents}
    button,.button{font:inherit;font-weight:600;line-height:1.25;display:inline-block;max-width:100%;overflow-wrap:anywhere;padding:.6875rem 1.125rem;border-radius:9px;\
    border:1px solid var(--edge);background:transparent;color:var(--ink);cursor:pointer;text-decoration:none;text-align:center}
    button:hover,.button:hover{border-color:var(--ink)}
    .primary,.primary:hover{background:var(--accent);border-color:var(--accent);color:var(--on-accent)}
    .danger{color:var(--bad);border-color:var(--bad)}
    .danger:hover{background:var(--bad);border-color:var(--bad);color:var(--on-bad)}
    button:disabled{opacity:.45;cursor:not-allowed}
    .grow{flex:1 1 min(10rem,100%)}
    .slim{padding:.4375rem .875rem;font-size:.9375rem}
    :focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:4px}
    button:focus-visible,.button:focus-visible{border-radius:9px}
    ul.plain{list-style:none;margin:0 0 .875rem;padding:0}
    ul.plain li{padding:.5rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
    ul.plain li:first-child{border-top:1px solid var(--line)}
    .key{border:1px solid var(--line);border-radius:12px;padding:1rem 1.125rem;margin:1rem 0}
    .key h3{margin:0 0 .25rem;font-size:.9375rem;font-weight:600;overflow-wrap:anywhere}
    .key dl{margin:.75rem 0;border-top:0}
    .key ul.plain{margin:.75rem 0;font-size:.9375rem}
    .key dl>div{border-bottom:0;padding:.125rem 0;grid-template-columns:7rem 1fr;font-size:.9375rem}
    .path{list-style:none;display:flex;margin:1.75rem 0;padding:0}
    .path li{flex:1;position:relative;text-align:center;font-size:.875rem;min-width:0;padding:1.625rem .125rem 0}
    .path li::before{content:"";position:absolute;top:.4375rem;left:-50%;width:100%;border-top:2px solid var(--accent)}
    .path li:first-child::before{display:none}
    .path li.bad::before,.path li.idle::before{border-top:2px dashed var(--idle)}
    .path li.bad::before{border-color:var(--bad)}
    .path i{position:absolute;top:0;left:50%;width:1rem;height:1rem;margin-left:-.5rem;border-radius:50%;background:var(--accent);\
    box-shadow:0 0 0 4px var(--card);z-index:1}
    .path .bad i{background:var(--bad)}
    .path .idle i{background:var(--card);border:2px solid var(--idle)}
    .path strong{display:block;font-weight:600}
    .path span{display:block;color:var(--soft);font-size:.8125rem}
    .path .bad span{color:var(--bad)}
    .why{border:1px solid var(--line);border-radius:12px;padding:.875rem 1.125rem;font-size:.9375rem}
    .rules{margin:.75rem 0 0;padding:0;list-style:none}
    .rules>li{border-top:1px solid var(--line);padding:.625rem 0 .375rem}
    .rules p{margin:0}
    .criteria{margin:.25rem 0 .375rem;padding:0;list-style:none}
    .criteria li{padding:.1875rem 0 .1875rem .75rem;border-left:3px solid var(--line);overflow-wrap:anywhere}
    .criteria .deciding{border-color:var(--bad)}
    .criteria small{display:block;color:var(--soft);font-size:.8125rem}
    .hidden{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
    .digits{display:block;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:2.5rem;letter-spacing:.18em;\
    font-weight:600;text-align:center;background:var(--accent-soft);color:var(--ink);border-radius:12px;padding:1rem .5rem 1rem 1rem;margin:1.25rem 0}
    details{margin:1.25rem 0}
    summary{cursor:pointer;color:var(--accent);font-weight:600;font-size:.9375rem}
    details p,details ul{margin:.5rem 0 0}
    details ul{padding-left:1.125rem}
    fieldset{border:1px solid var(--line);border-radius:12px;padding:.5rem 1.125rem .75rem;margin:1.25rem 0;min-width:0}
    legend{padding:0 .375rem;margin-left:-.375rem;font-weight:600;font-size:.9375rem}
    label{display:flex;gap:.625rem;align-items:baseline;padding:.3125rem 0;cursor:pointer}
    label small{display:block;color:var(--soft);font-size:.8125rem}
    input[type=radio]{accent-color:var(--accent);flex:none;margin:0}
    .timer{font-variant-numeric:tabular-nums}
    .timer,.after{margin:1rem 0 0}
    @media (max-width:34rem){main{padding:1.5rem 1.25rem;border-radius:14px}h1{font-size:1.4375rem}\
    dl>div,.key dl>div{grid-template-columns:1fr}.actions>*,.actions form>*{flex:1 1 100%}.digits{font-size:2rem}\
    .path{flex-direction:column;margin:1.25rem 0}.path li{text-align:left;padding:0 0 .75rem 2rem;display:flex;flex-wrap:wrap;gap:0 .625rem}\
    .path li:last-child{padding-bottom:0}.path span{font-size:.875rem}.path i{left:0;top:.1875rem;margin:0}\
    .path li::before{top:-.875rem;left:.4375rem;width:0;height:1rem;border-top:0!important;border-left:2px solid var(--accent)}\
    .path li.bad::before{border-left:2px dashed var(--bad)}.path li.idle::before{border-left:2px dashed var(--idle)}}
    @media (forced-colors:active){.path i{border:2px solid}}
    @media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--soft:#333}\
    body{padding:0}main{border:0;padding:0}header,footer{padding-left:0}nav,form,.actions{display:none}}
    """

  /// A portal with a way through it.
  static let mark: HTML = """
    <svg viewBox="0 0 32 32" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" aria-hidden="true" \
    focusable="false"><path d="M4 27V16a12 12 0 0 1 24 0v11"/><path d="M11.5 27V16.5a4.5 4.5 0 0 1 9 0V27"/></svg>
    """

  /// The same for the browser's tab, as a data URL.
  static let icon =
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32' fill='none' stroke='%23268573' stroke-width='4' stroke-linecap='round'%3E%3Cpath d='M4 27V16a12 12 0 0 1 24 0v11'/%3E%3Cpath d='M12 27V16a4 4 0 0 1 8 0v11'/%3E%3C/svg%3E"
}
