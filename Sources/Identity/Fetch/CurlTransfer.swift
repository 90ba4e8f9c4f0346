import CCurl

/// One exchange in flight: the easy handle, what it has received, and how it ended. Confined to the loop's thread.
@safe
final class CurlTransfer {
  private static let maximumHeaderBytes = 64 << 10

  let job: CurlLoop.Job
  private let handle: UnsafeMutableRawPointer
  private var headerList: UnsafeMutablePointer<curl_slist>?
  private var connectList: UnsafeMutablePointer<curl_slist>?
  private var headers: [(name: String, value: String)] = []
  private var headerBytes = 0
  private var body: [UInt8] = []
  private var overflowed = false

  var url: String { job.request.url }

  init(_ job: CurlLoop.Job) throws(FetchError) {
    let url = job.request.url
    guard url.hasPrefix("http://") || url.hasPrefix("https://"), !url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f })
    else { throw FetchError(.badURL, url: url, reason: "this is no http or https URL") }
    guard let handle = unsafe curl_easy_init() else {
      throw FetchError(.closed, url: url, reason: "libcurl has no memory for another request")
    }
    self.job = job
    unsafe self.handle = unsafe handle
    configure()
  }

  deinit {
    unsafe curl_easy_cleanup(handle)
    unsafe curl_slist_free_all(headerList)
    unsafe curl_slist_free_all(connectList)
  }

  func owns(_ other: UnsafeMutableRawPointer) -> Bool { unsafe handle == other }

  func add(to multi: UnsafeMutableRawPointer) throws(FetchError) {
    guard unsafe curl_multi_add_handle(multi, handle) == CURLM_OK else {
      throw FetchError(.closed, url: url, reason: "libcurl takes no further request")
    }
  }

  func remove(from multi: UnsafeMutableRawPointer) { unsafe curl_multi_remove_handle(multi, handle) }

  func result(_ code: CURLcode) -> Result<FetchResponse, FetchError> {
    if code == CURLE_OK, !overflowed {
      return .success(FetchResponse(status: unsafe te_curl_status(handle), headers: headers, body: body))
    }
    return .failure(failure(code))
  }

  private func configure() {
    let request = job.request
    set(CURLOPT_URL, request.url)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_TIMEOUT_MS, request.timeoutMilliseconds)
    set(CURLOPT_CONNECTTIMEOUT_MS, request.connectTimeoutMilliseconds)
    set(CURLOPT_MAXFILESIZE, request.maximumBytes)
    set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    set(CURLOPT_SSL_VERIFYPEER, job.configuration.verifiesCertificates ? 1 : 0)
    set(CURLOPT_SSL_VERIFYHOST, job.configuration.verifiesCertificates ? 2 : 0)
    set(CURLOPT_USERAGENT, job.configuration.userAgent)
    set(CURLOPT_NOPROXY, job.configuration.directHosts)
    if let file = job.configuration.certificateAuthorityFile { set(CURLOPT_CAINFO, file) }
    if let place = job.configuration.connectTo {
      unsafe connectList = curl_slist_append(nil, "::\(place)")
      unsafe te_curl_set_list(handle, CURLOPT_CONNECT_TO, connectList)
    }
    for (name, value) in request.headers where Self.isHeaderSafe(name + value) {
      unsafe headerList = curl_slist_append(headerList, "\(name): \(value)")
    }
    // Expect: 100-continue costs a round trip, and some servers never answer it.
    unsafe headerList = curl_slist_append(headerList, "Expect:")
    unsafe te_curl_set_list(handle, CURLOPT_HTTPHEADER, headerList)
    if request.method == .post {
      set(CURLOPT_POST, 1)
      set(CURLOPT_POSTFIELDSIZE, request.body.count)
      unsafe request.body.withUnsafeBufferPointer { body in
        // COPYPOSTFIELDS takes a copy of POSTFIELDSIZE bytes; no address would mean no body.
        if let base = body.baseAddress {
          unsafe te_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: base))
        } else {
          set(CURLOPT_COPYPOSTFIELDS, "")
        }
      }
    }
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe te_curl_set_body(
      handle, { unsafe CurlTransfer.from($3)?.receive(body: $0, count: $1 * $2) ?? 0 }, context)
    unsafe te_curl_set_header(
      handle, { unsafe CurlTransfer.from($3)?.receive(header: $0, count: $1 * $2) ?? 0 }, context)
  }

  private func set(_ option: CURLoption, _ value: Int) { unsafe te_curl_set_long(handle, option, value) }
  private func set(_ option: CURLoption, _ value: String) { unsafe te_curl_set_text(handle, option, value) }

  private static func isHeaderSafe(_ text: String) -> Bool { !text.utf8.contains { $0 < 0x20 || $0 == 0x7f } }

  private static func from(_ context: UnsafeMutableRawPointer?) -> CurlTransfer? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
  }

  /// Taking fewer bytes than offered makes libcurl end the transfer.
  private func receive(body bytes: UnsafeMutablePointer<CChar>?, count: Int) -> Int {
    guard let bytes = unsafe bytes else { return 0 }
    guard body.count + count <= job.request.maximumBytes else {
      overflowed = true
      return 0
    }
    unsafe body.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
    return count
  }

  private func receive(header bytes: UnsafeMutablePointer<CChar>?, count: Int) -> Int {
    guard let bytes = unsafe bytes else { return 0 }
    headerBytes += count
    guard headerBytes <= Self.maximumHeaderBytes else {
      overflowed = true
      return 0
    }
    let line = unsafe String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
    if line.hasPrefix("HTTP/") {
      // A new head: what came before belongs to an interim answer.
      headers = []
    } else if let colon = line.firstIndex(of: ":") {
      let value = line[line.index(after: colon)...]
      headers.append((String(line[..<colon]).lowercased(), Self.trimmed(value)))
    }
    return count
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
  }

  private func failure(_ code: CURLcode) -> FetchError {
    let text = unsafe String(cString: curl_easy_strerror(code)).lowercased()
    func error(_ kind: FetchError.Kind, _ reason: String) -> FetchError { FetchError(kind, url: url, reason: reason) }
    if overflowed || code == CURLE_FILESIZE_EXCEEDED {
      return error(.tooLarge, "the answer is longer than \(job.request.maximumBytes) bytes")
    }
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: return error(.cannotResolve, text)
    case CURLE_COULDNT_CONNECT: return error(.cannotConnect, text)
    case CURLE_OPERATION_TIMEDOUT:
      return error(.timedOut, "no answer within \(job.request.timeoutMilliseconds) ms")
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR:
      return error(.untrustedCertificate, text)
    case CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT: return error(.badURL, text)
    default: return error(.broken, text)
    }
  }
}
