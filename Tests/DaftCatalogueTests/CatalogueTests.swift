// A catalogue is made, closed and opened again.

import DaftCatalogue
import DaftCore
import Testing

@Suite struct CatalogueTests {
    @Test func aNewCatalogueIsEmpty() throws {
        let catalogue = try Catalogue(path: ":memory:")
        #expect(catalogue.head == .empty)
        #expect(catalogue.system == nil)
    }
}
