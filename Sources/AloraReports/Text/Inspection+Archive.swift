internal import AloraSystem
internal import AloraInspection
internal import AloraJSON
internal import AloraNPZ
internal import AloraTensors

extension Inspection {
  /// The cases of a golden file, then the arrays.
  func archiveText(_ file: NPZFile, _ style: TextStyle) -> String {
    var fields = FieldTable(style)
    fields.add("file", "\(path)  NumPy, \(counted(file.arrays.count, "array"))", style: .bold)
    if let meta = archive?.meta { fields.add("meta", meta) }
    var text = fields.text
    if let cases = archive?.cases, !cases.isEmpty {
      var table = ColumnTable(rightAligned: [0, 1, 2, 3])
      table.add(["case", "tokens", "rows", "vocabulary", "logits", "activation start"])
      for item in cases {
        table.add([
          "\(item.index)", "\(item.tokenCount)", item.rowCount.map { "\($0)" } ?? "",
          item.vocabularySize.map { "\($0)" } ?? "", item.kinds.joined(separator: ", "),
          item.activationStart.map { $0 < 0 ? "off" : "\($0)" } ?? "",
        ])
      }
      text += "\n" + table.text
    }
    guard listsTensors || archive?.cases.isEmpty ?? true else { return text }
    var table = ColumnTable(rightAligned: [3])
    for (index, array) in file.arrays.enumerated() {
      let order = [
        array.isCompressed ? "deflated" : "stored", array.isFortranOrder ? "Fortran order" : nil,
        array.isBigEndian ? "big-endian" : nil,
      ].compactMap { $0 }
      var row = [
        array.name, array.typeName, array.shape.description, byteText(array.storedByteCount),
        order.joined(separator: ", "),
      ]
      if let statistics { row.append(statistics[index].map(Self.text) ?? "not decoded") }
      table.add(row)
    }
    return text + "\n" + table.text
  }

  /// `min … max … norm … zeros …  [the first elements]`.
  static func text(_ figures: TensorStatistics) -> String {
    // Swift writes a NaN with its payload.
    let norm = figures.norm.isNaN ? "nan" : "\(figures.norm)"
    return "min \(figures.minimum) max \(figures.maximum) norm \(norm) zeros \(figures.zeroCount)  \(figures.head)…"
  }

  static func json(_ figures: TensorStatistics) -> JSONValue {
    [
      "minimum": .number(figures.minimum), "maximum": .number(figures.maximum), "norm": .number(figures.norm),
      "zero_count": .integer(figures.zeroCount), "head": .array(figures.head.map { .number($0) }),
    ]
  }

  /// `arrays` and `cases` of schemas/inspect.schema.json; nil if the subject isn't an archive.
  var archiveJSON: (arrays: JSONValue, cases: JSONValue, meta: JSONValue?)? {
    guard case .npz(let file) = subject, let archive else { return nil }
    let arrays = file.arrays.enumerated().map { index, array -> JSONValue in
      .members([
        "name": .string(array.name), "dtype": .string(array.typeName),
        "shape": .array(array.shape.dimensions.map { .integer($0) }), "fortran_order": .boolean(array.isFortranOrder),
        "big_endian": .boolean(array.isBigEndian), "compressed": .boolean(array.isCompressed),
        "stored_byte_count": .integer(array.storedByteCount), "values": statistics?[index].map(Self.json),
      ])
    }
    let cases = archive.cases.map { item -> JSONValue in
      .members([
        "index": .integer(item.index), "token_count": .integer(item.tokenCount),
        "row_count": item.rowCount.map { .integer($0) }, "vocabulary_size": item.vocabularySize.map { .integer($0) },
        "logits": .array(item.kinds.map { .string($0) }), "activation_start": item.activationStart.map { .integer($0) },
      ])
    }
    return (.array(arrays), .array(cases), archive.meta.map { .string($0) })
  }
}
