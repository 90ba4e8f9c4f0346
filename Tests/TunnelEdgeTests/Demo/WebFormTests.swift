import Testing

@testable import TunnelEdge

@Suite struct WebFormTests {
  private let page = """
    <form action="/search"><input name="q"></form>
    <form method="POST" action="/approve?x=1&amp;y=2">
      <input type="hidden" name="csrf" value="a&quot;b">
      <input name=login value=''><input type="password" name="password">
      <input type="checkbox" name="remember" value="1">
      <button name="confirm" value="false">Deny</button><button name="confirm" value="true">Authorize</button>
    </form>
    """

  @Test func postFormsAreFoundWithTheirFields() throws {
    let forms = WebForm.all(in: page)
    #expect(forms.count == 1)
    let form = try #require(forms.first)
    #expect(form.action == "/approve?x=1&y=2")
    #expect(form.fields.map(\.name) == ["csrf", "login", "password"])
    #expect(form.fields.first?.value == "a\"b")
    #expect(form.hasPassword)
    #expect(form.buttons.map(\.value) == ["false", "true"])
  }

  @Test func aFilledFormIsEncoded() throws {
    let form = try #require(WebForm.all(in: page).first)
    let body = form.encoded(setting: ["login": "a b@c", "password": "ü&"], button: form.buttons.last)
    #expect(
      String(decoding: body, as: UTF8.self) == "csrf=a%22b&login=a%20b%40c&password=%C3%BC%26&confirm=true")
  }
}
