import EdgeCrypto
import PlainText

/// The frame of the provider's pages: one card, no script, nothing loaded from anywhere.
enum ProviderPage {
  static func response(status: Int, title: String, body: HTML) -> ProviderResponse {
    let html: HTML = """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <meta name="robots" content="noindex">
      <title>\(title) · TunnelEdge demo</title>
      <style>\(HTML(trusted: style))</style>
      </head>
      <body>
      <main>
      \(body)
      </main>
      <footer><p>The demo's identity provider. It runs on this machine only and keeps no accounts but those of its file.</p></footer>
      </body>
      </html>

      """
    return ProviderResponse(
      status: status,
      headers: [
        ("content-type", "text/html; charset=utf-8"), ("content-language", "en"), ("cache-control", "no-store"),
        ("content-security-policy", policy), ("referrer-policy", "same-origin"), ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
      ], body: Array(html.source.utf8))
  }

  /// `form-action` is left open: the answer to the form redirects to the application.
  private static let policy =
    "default-src 'none'; style-src 'sha256-\(Base64.encode(Digest.sha256(style)))'; base-uri 'none'; frame-ancestors 'none'"

  private static let style = """
    :root{color-scheme:light dark;--paper:#eef1f4;--card:#fff;--ink:#16202a;--soft:#55636f;--line:#d4dbe1;--field:#8795a1;\
    --accent:#34518f;--on-accent:#fff;--bad:#a3261b;--bad-soft:#fbecea}
    @media screen and (prefers-color-scheme:dark){:root{--paper:#101418;--card:#181e24;--ink:#e6ebef;--soft:#9dabb7;--line:#2c353e;\
    --field:#66747f;--accent:#9db8f2;--on-accent:#0f1a30;--bad:#ff9d92;--bad-soft:#331a18}}
    *{box-sizing:border-box}
    html{background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
    body{margin:0;min-height:100vh;display:flex;flex-direction:column;justify-content:center;padding:1.5rem 1rem;overflow-wrap:break-word}
    main,footer{width:100%;max-width:25rem;margin:0 auto}
    main{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.75rem}
    footer{color:var(--soft);font-size:.8125rem;padding:1rem .25rem 0;text-align:center}
    footer p{margin:0}
    h1{font-size:1.375rem;line-height:1.25;margin:0 0 .375rem;letter-spacing:-.01em;overflow-wrap:anywhere}
    .lead{color:var(--soft);margin:0 0 1.5rem;overflow-wrap:anywhere}
    main>:last-child{margin-bottom:0}
    .eyebrow{font-size:.75rem;font-weight:600;letter-spacing:.08em;text-transform:uppercase;color:var(--accent);margin:0 0 .75rem}
    label{display:block;font-weight:600;font-size:.9375rem;margin:1rem 0 .375rem}
    input{width:100%;font:inherit;color:inherit;background:transparent;border:1px solid var(--field);border-radius:8px;padding:.625rem .75rem}
    button{font:inherit;font-weight:600;width:100%;margin-top:1.5rem;padding:.6875rem 1rem;border:1px solid var(--accent);\
    border-radius:8px;background:var(--accent);color:var(--on-accent);cursor:pointer}
    button.quiet{background:transparent;color:var(--ink);border-color:var(--field);margin-top:.75rem}
    :focus-visible{outline:3px solid var(--accent);outline-offset:2px}
    .wrong{background:var(--bad-soft);color:var(--bad);border-radius:8px;padding:.625rem .75rem;margin:0 0 1rem;font-size:.9375rem}
    .hint{border-top:1px solid var(--line);margin:1.75rem 0 0;padding-top:1rem;color:var(--soft);font-size:.875rem}
    .hint ul{margin:.375rem 0;padding:0;list-style:none}
    .hint li{overflow-wrap:anywhere;color:var(--ink)}
    .hint p{margin:0}
    ul.what{margin:0;padding-left:1.25rem}
    @media (forced-colors:active){main{border:1px solid}}
    @media print{:root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#000;--soft:#333}}
    """
}
