package import AloraGGUF
import AloraTensors

/// Writes a copy of a GGUF with one key changed, or removed for nil.
package func rewriteGGUF(_ path: String, to output: String, key: String, value: GGUFValue?) throws {
  let file = try GGUFFileSet(path: path)
  var metadata = GGUFMetadata()
  for entry in file.metadata.entries { metadata[entry.key] = entry.value }
  metadata[key] = value
  var declarations: [TensorDeclaration] = []
  for tensor in file.tensors {
    declarations.append(TensorDeclaration(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape))
  }
  let layout = try GGUFLayout(metadata: metadata, tensors: declarations)
  let writer = try GGUFWriter(path: output, replacesExisting: true, layout: layout)
  for tensor in file.tensors {
    let bytes = try file.readBytes(of: tensor)
    try writer.write(bytes.span.bytes, of: tensor.name)
  }
  try writer.finish()
}
