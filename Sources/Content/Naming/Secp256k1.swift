internal import CSecp256k1

/// Checks ECDSA signatures over the curve secp256k1 (SEC 2, section 2.4.1), which old libp2p keys use, by libsecp256k1.
enum Secp256k1 {
  /// Whether `signature` (DER) over a message with that SHA-256 digest is by `key` (33 bytes compressed, or 65).
  ///
  /// Both forms of a signature hold, with the lower s and the higher: libp2p asks for neither.
  ///
  /// - Returns: nil where the key is no point of the curve.
  static func isValid(signature: [UInt8], digest: [UInt8], key: [UInt8]) -> Bool? {
    let context = prsm_secp256k1_context()
    var point = secp256k1_pubkey()
    guard let context, let form = key.first, key.count == 33 ? form == 2 || form == 3 : key.count == 65 && form == 4,
      secp256k1_ec_pubkey_parse(context, &point, key, key.count) == 1
    else { return nil }
    var parsed = secp256k1_ecdsa_signature()
    guard digest.count == 32, secp256k1_ecdsa_signature_parse_der(context, &parsed, signature, signature.count) == 1
    else { return false }
    var lower = secp256k1_ecdsa_signature()
    secp256k1_ecdsa_signature_normalize(context, &lower, &parsed)
    return secp256k1_ecdsa_verify(context, &lower, digest, &point) == 1
  }
}
