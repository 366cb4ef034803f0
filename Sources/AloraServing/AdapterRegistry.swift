package import AloraInference
internal import Synchronization

/// An adapter under the name by which callers ask for it.
package struct NamedAdapter: Sendable {
  /// Counted from 0 in the order of loading, and never given again.
  package let id: Int
  package let name: String
  package let adapter: Adapter
}

/// A name that can't be used.
package enum AdapterNameError: Error, Hashable {
  case unknown(String)
  case unknownNumber(Int)
  case taken(String)
}

/// The adapters that callers can choose, and the names of their base. For any number of threads.
package final class AdapterRegistry: Sendable {
  /// The base's names, the first of which is shown.
  package let baseNames: [String]
  private let state = Mutex<(adapters: [NamedAdapter], nextID: Int)>(([], 0))

  /// - Parameter baseNames: at least one.
  package init(baseNames: [String]) {
    precondition(!baseNames.isEmpty)
    self.baseNames = baseNames
  }

  package var baseName: String { baseNames[0] }
  package var adapters: [NamedAdapter] { state.withLock { $0.adapters } }

  /// - Throws: `taken`, also for a name of the base.
  @discardableResult
  package func add(_ adapter: Adapter, named name: String) throws(AdapterNameError) -> NamedAdapter {
    let added = state.withLock { state -> NamedAdapter? in
      guard !baseNames.contains(name), name != "base", !state.adapters.contains(where: { $0.name == name }) else {
        return nil
      }
      let added = NamedAdapter(id: state.nextID, name: name, adapter: adapter)
      state.nextID += 1
      state.adapters.append(added)
      return added
    }
    guard let added else { throw .taken(name) }
    return added
  }

  /// Forgets an adapter. Requests that use it go on.
  ///
  /// - Throws: `unknown`.
  @discardableResult
  package func remove(named name: String) throws(AdapterNameError) -> NamedAdapter {
    let removed = state.withLock { state -> NamedAdapter? in
      guard let index = state.adapters.firstIndex(where: { $0.name == name }) else { return nil }
      return state.adapters.remove(at: index)
    }
    guard let removed else { throw .unknown(name) }
    return removed
  }

  /// - Throws: `unknownNumber`.
  package func adapter(id: Int) throws(AdapterNameError) -> NamedAdapter {
    guard let found = adapters.first(where: { $0.id == id }) else { throw .unknownNumber(id) }
    return found
  }

  /// The adapter that a model's name stands for: `adapter`, `base:adapter`, or either with `:latest` after it.
  ///
  /// - Returns: nil for the base.
  /// - Throws: `unknown`.
  package func resolve(_ name: String) throws(AdapterNameError) -> NamedAdapter? {
    for candidate in [name, name.hasSuffix(":latest") ? String(name.dropLast(7)) : name] {
      if baseNames.contains(candidate) || candidate == "base" { return nil }
      if let found = adapters.first(where: { $0.name == candidate }) { return found }
      for base in baseNames + ["base"] where candidate.hasPrefix("\(base):") {
        let rest = String(candidate.dropFirst(base.count + 1))
        if let found = adapters.first(where: { $0.name == rest }) { return found }
      }
    }
    throw .unknown(name)
  }
}
