/// Jinja's filters; the raw values are its names.
enum TemplateFilter: String, Sendable, CaseIterable {
  case trim, length, count, tojson, join, list, string, int, float, upper, lower, capitalize, title, first, last,
    `default`
  case d, items, selectattr, rejectattr, select, reject, map, replace, indent, dictsort, abs, reverse, sort
  case attr, batch, center, e, escape, filesizeformat, forceescape, format, groupby, max, min, pprint, random, round
  case safe, slice, striptags, sum, truncate, unique, urlencode, urlize, wordcount, wordwrap, xmlattr

  /// Whether its work grows with a text that it is applied to.
  var looksThroughTexts: Bool {
    switch self {
    case .default, .d, .string, .items, .safe, .attr: false
    default: true
    }
  }

  /// The parameters after the value, in order; nil for a filter that looks at its arguments itself.
  var parameters: [String]? {
    switch self {
    case .trim: ["chars"]
    case .join: ["d", "attribute"]
    case .int: ["default", "base"]
    case .float: ["default"]
    case .default, .d: ["default_value", "boolean"]
    case .replace: ["old", "new", "count"]
    case .indent: ["width", "first", "blank"]
    case .sort: ["reverse", "case_sensitive", "attribute"]
    case .tojson: ["ensure_ascii", "indent", "separators", "sort_keys"]
    case .dictsort: ["case_sensitive", "by", "reverse"]
    case .attr: ["name"]
    case .batch: ["linecount", "fill_with"]
    case .slice: ["slices", "fill_with"]
    case .center: ["width"]
    case .filesizeformat: ["binary"]
    case .groupby: ["attribute", "default", "case_sensitive"]
    case .max, .min, .unique: ["case_sensitive", "attribute"]
    case .round: ["precision", "method"]
    case .sum: ["attribute", "start"]
    case .truncate: ["length", "killwords", "end", "leeway"]
    case .urlize: ["trim_url_limit", "nofollow", "target", "rel", "extra_schemes"]
    case .wordwrap: ["width", "break_long_words", "wrapstring", "break_on_hyphens"]
    case .xmlattr: ["autospace"]
    case .selectattr, .rejectattr, .select, .reject, .map, .format: nil
    case .length, .count, .list, .string, .upper, .lower, .capitalize, .title, .first, .last, .items, .abs, .reverse,
      .e, .escape, .forceescape, .pprint, .random, .safe, .striptags, .urlencode, .wordcount:
      []
    }
  }
}

/// Jinja's tests.
enum TemplateTest: String, Sendable, CaseIterable {
  case defined, undefined, none, string, mapping, iterable, sequence, number, integer, float, boolean, odd, even
  case divisibleby, equalto, eq, ne, `in`, `true`, `false`
  case callable, escaped, filter, test, lower, upper, sameas
  case ge, gt, greaterthan, le, lt, lessthan
  case equalSign = "=="
  case unequalSign = "!="
  case lessSign = "<"
  case lessOrEqualSign = "<="
  case greaterSign = ">"
  case greaterOrEqualSign = ">="

  /// The comparison that it is; nil for other tests.
  var comparison: TemplateComparison? {
    switch self {
    case .equalto, .eq, .equalSign: .equal
    case .ne, .unequalSign: .unequal
    case .in: .contained
    case .ge, .greaterOrEqualSign: .greaterOrEqual
    case .gt, .greaterthan, .greaterSign: .greater
    case .le, .lessOrEqualSign: .lessOrEqual
    case .lt, .lessthan, .lessSign: .less
    default: nil
    }
  }

  /// Whether it compares with a value.
  var takesValue: Bool { comparison != nil || self == .divisibleby || self == .sameas }
}
