/// One thing that can be configured: its place in the file, its environment variable, its form and its default.
struct Setting<Value: Sendable>: Sendable {
  /// Its place in the file, such as `tls.certificate`.
  let path: String
  /// What it decides, in one sentence.
  let summary: String
  /// What holds where nobody says anything.
  let standard: Value
  /// The default in words, for the documentation.
  let standardText: String
  let form: Form<Value>
  /// The flag of `prsm serve`, where it has one.
  let flag: String?

  init(
    _ path: String, _ form: Form<Value>, default standard: Value, _ standardText: String, flag: String? = nil,
    _ summary: String
  ) {
    self.path = path
    self.form = form
    self.standard = standard
    self.standardText = standardText
    self.flag = flag
    self.summary = summary
  }

  /// The environment variable, such as `PRSM_TLS_CERTIFICATE`.
  var environmentName: String {
    "PRSM_" + path.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
  }

  /// Without its type, for listing.
  var outline: SettingOutline {
    SettingOutline(
      path: path, environmentName: environmentName, flag: flag, expected: form.expected, standard: standardText,
      summary: summary)
  }
}

/// What there is to say about a setting.
struct SettingOutline: Sendable, Hashable {
  let path: String
  let environmentName: String
  let flag: String?
  let expected: String
  let standard: String
  let summary: String
}
