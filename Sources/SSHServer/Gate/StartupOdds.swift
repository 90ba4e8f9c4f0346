extension SSHServerConfiguration.MaxStartups {
  /// sshd's rule: how many of a hundred newcomers are turned away; `rate` at `start`, rising in a line to all at `full`.
  func refusedPercent(count: Int) -> Int {
    if count < start { return 0 }
    if count >= full || full <= start { return 100 }
    return rate + (100 - rate) * (count - start) / (full - start)
  }

  /// Places beyond `full` for sources that somebody signed in from lately.
  var reserve: Int { max(full / 2, 1) }
}
