/// A request as a signed-in visitor's browser would write it.
func get(
  _ path: String = "/", host: String = "app.example.com", cookie: String? = "alice", method: String = "GET",
  _ fields: String = "", body: String = ""
) -> String {
  let own = cookie.map { "Cookie: a=1; __Host-_pomerium=\($0); b=2\r\n" } ?? ""
  return "\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\n\(own)\(fields)\r\n\(body)"
}
