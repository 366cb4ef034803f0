/// Formats of strings, as patterns that match exactly what their definitions allow, or a stated part of it.
enum StringFormat: String {
  case date, time, dateTime = "date-time", duration, email, hostname, ipv4, ipv6, uuid, uri
  case jsonPointer = "json-pointer"

  /// The most characters, if the definition has a limit that the pattern does not express.
  var maxLength: Int? { self == .hostname ? 253 : nil }

  /// - Note: `time` has no leap seconds; `email` has no quoted local parts and no address literals; `hostname` and `email` are
  ///   ASCII.
  var pattern: String {
    switch self {
    case .date: "^\(Self.datePattern)$"
    case .time: "^\(Self.timePattern)$"
    case .dateTime: "^\(Self.datePattern)[Tt]\(Self.timePattern)$"
    // Appendix A of RFC 3339.
    case .duration:
      "^P((\\d+D|\\d+M(\\d+D)?|\\d+Y(\\d+M(\\d+D)?)?)(T(\\d+S|\\d+M(\\d+S)?|\\d+H(\\d+M(\\d+S)?)?))?"
        + "|T(\\d+S|\\d+M(\\d+S)?|\\d+H(\\d+M(\\d+S)?)?)|\\d+W)$"
    case .email:
      "^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@\(Self.label)(\\.\(Self.label))*$"
    case .hostname: "^\(Self.label)(\\.\(Self.label))*$"
    case .ipv4: "^\(Self.ipv4Pattern)$"
    case .ipv6: "^(\(Self.ipv6Pattern))$"
    case .uuid: "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"
    case .jsonPointer: "^(/([^/~]|~[01])*)*$"
    case .uri: Self.uriPattern
    }
  }

  private static let leapYear = "(\\d\\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
  private static let datePattern =
    "(\\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))"
    + "|\(leapYear)-02-29)"
  private static let timePattern =
    "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d+)?([Zz]|[+-]([01]\\d|2[0-3]):[0-5]\\d)"
  private static let label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
  private static let octet = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
  private static let ipv4Pattern = "\(octet)(\\.\(octet)){3}"

  /// RFC 4291: eight groups, a part of them replaced by `::` once, the last two perhaps an IPv4 address.
  private static var ipv6Pattern: String {
    let group = "[0-9A-Fa-f]{1,4}"
    let last = "(\(group):\(group)|\(ipv4Pattern))"
    var choices = ["(\(group):){6}\(last)", "::(\(group):){5}\(last)"]
    for before in 1...5 {
      let head = "(\(group)(:\(group)){0,\(before - 1)})?"
      let middle = 5 - before
      choices.append("\(head)::\(middle > 0 ? "(\(group):){\(middle)}" : "")\(last)")
    }
    choices.append("(\(group)(:\(group)){0,5})?::\(group)")
    choices.append("(\(group)(:\(group)){0,6})?::")
    return choices.joined(separator: "|")
  }

  /// RFC 3986, with a scheme.
  private static var uriPattern: String {
    let plain = "[A-Za-z0-9._~!$&'()*+,;=:@-]"
    let encoded = "%[0-9A-Fa-f]{2}"
    let character = "(\(plain)|\(encoded))"
    let user = "(([A-Za-z0-9._~!$&'()*+,;=:-]|\(encoded))*@)?"
    let name = "([A-Za-z0-9._~!$&'()*+,;=-]|\(encoded))*"
    let literal = "\\[(\(ipv6Pattern)|[Vv][0-9A-Fa-f]+\\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\\]"
    let path = "(/\(character)*)*"
    let rest = "(\(plain)|[/?]|\(encoded))*"
    return
      "^[A-Za-z][A-Za-z0-9+.-]*:(//\(user)(\(name)|\(literal))(:\\d*)?\(path)|/(\(character)+\(path))?|\(character)+\(path)|)"
      + "(\\?\(rest))?(#\(rest))?$"
  }
}
