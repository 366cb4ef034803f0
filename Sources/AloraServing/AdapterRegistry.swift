package import AloraInference
internal import Synchronization

/// An adapter under the name by which callers ask for it.
package struct NamedAdapter: Sendable {
  /// Counted from 0 in the order of loading, and never given again.
  package let id: Int
  package let name: String
  package let adapter: Adapter
  /// What its scaling is multiplied by.
  package var scale: Float = 1

  /// The same with its scaling multiplied.
  package func scaled(by factor: Float) -> NamedAdapter {
    NamedAdapter(id: id, name: name, adapter: adapter.scaled(by: factor), scale: factor * scale)
  }
}

/// A name that can't be used.
package enum AdapterNameError: Error, Hashable {
  case unknown(String)
  case unknownNumber(Int)
  case taken(String)
  /// As many adapters are loaded as may be.
  case tooMany(Int)
}

/// The adapters that callers can choose, and the names of their base. Safe to use from any thread.
package final class AdapterRegistry: Sendable {
  /// The base's names. Answers use the first one.
  package let baseNames: [String]
  private let state = Mutex(State())

  private struct State {
    var adapters: [NamedAdapter] = []
    var nextID = 0
    var standing: NamedAdapter?
  }

  private let limit: Int

  /// - Parameters:
  ///   - baseNames: at least one.
  ///   - limit: the most adapters at a time.
  package init(baseNames: [String], limit: Int = 1024) {
    precondition(!baseNames.isEmpty)
    self.baseNames = baseNames
    self.limit = limit
  }

  package var baseName: String { baseNames[0] }
  package var adapters: [NamedAdapter] { state.withLock { $0.adapters } }

  /// The adapter, with its scale, that answers requests which name none; nil: the base answers them.
  package var standing: NamedAdapter? { state.withLock { $0.standing } }

  package func setStanding(_ adapter: NamedAdapter?) {
    state.withLock { state in
      // It may have been unloaded meanwhile.
      guard adapter == nil || state.adapters.contains(where: { $0.id == adapter?.id }) else { return }
      state.standing = adapter
    }
  }

  /// - Throws: `taken`, also for a name of the base; `tooMany`.
  @discardableResult
  package func add(_ adapter: Adapter, named name: String) throws(AdapterNameError) -> NamedAdapter {
    try state.withLock { state throws(AdapterNameError) in
      try checkRoom(for: name, state)
      let added = NamedAdapter(id: state.nextID, name: name, adapter: adapter)
      state.nextID += 1
      state.adapters.append(added)
      return added
    }
  }

  private func checkRoom(for name: String, _ state: borrowing State) throws(AdapterNameError) {
    guard !baseNames.contains(name), name != "base", !state.adapters.contains(where: { $0.name == name }) else {
      throw .taken(name)
    }
    guard state.adapters.count < limit else { throw .tooMany(limit) }
  }

  /// - Throws: as ``add(_:named:)`` would.
  package func checkRoom(for name: String) throws(AdapterNameError) {
    try state.withLock { state throws(AdapterNameError) in try checkRoom(for: name, state) }
  }

  /// Forgets an adapter. Requests that use it go on.
  ///
  /// - Throws: `unknown`.
  @discardableResult
  package func remove(named name: String) throws(AdapterNameError) -> NamedAdapter {
    let removed = state.withLock { state -> NamedAdapter? in
      guard let index = state.adapters.firstIndex(where: { $0.name == name }) else { return nil }
      let removed = state.adapters.remove(at: index)
      if state.standing?.id == removed.id { state.standing = nil }
      return removed
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
