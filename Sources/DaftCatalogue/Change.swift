// One write transaction of the metadata server: the queries behind its decisions, and the records it appends.

import DaftModel

public struct Change: ~Copyable {
    private let tables: Tables

    init(_ tables: Tables) { self.tables = tables }

    /// Appends a record. An invalid one throws and changes nothing.
    public mutating func append(_ record: Record) throws(Failure) {
        do { try tables.append(record, record.encoded) } catch {
            if !(error is Failure) { tables.spoiled = error }
            throw Tables.failure(error, tables.path)
        }
    }

    public var head: Head { tables.summary.head }

    public func entry(_ name: Name) throws(Failure) -> Entry? { try ask { try $0.entry(name) } }

    public func knows(content: ContentID) throws(Failure) -> Bool { try ask { try $0.number(of: content) != nil } }

    public func holders(of content: ContentID) throws(Failure) -> Holders { try ask { try $0.holders(of: content) } }

    public func manifest(of content: ContentID) throws(Failure) -> Manifest? { try ask { try $0.manifest(content) } }

    public func names(of content: ContentID) throws(Failure) -> [Name] { try ask { try $0.names(of: content) } }

    /// The number of copies wanted; `.one` for unknown contents.
    public func copies(of content: ContentID) throws(Failure) -> Copies { try ask { try $0.copies(of: content) } }

    /// Whether a directory or symlink is wanted on every data server.
    public func isEverywhere(_ name: Name) throws(Failure) -> Bool { try ask { try $0.isEverywhere(name) } }

    public func stores() throws(Failure) -> [KnownStore] { try ask { try $0.stores() } }

    /// XOR of `inventoryMark` over a store's holdings; 0 for an unknown store.
    public func inventory(of store: Int) -> UInt64 {
        let inventories = tables.summary.inventories
        return inventories.indices.contains(store) ? inventories[store] : 0
    }

    public func number(of store: StoreID) throws(Failure) -> Int? { tables.summary.numbers[store] }

    private func ask<T>(_ question: (Tables) throws -> T) throws(Failure) -> T {
        do { return try question(tables) } catch { throw Tables.failure(error, tables.path) }
    }
}
