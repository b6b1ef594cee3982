import ArgumentParser
import FerryFiles

/// What of a tree is transferred besides its content.
struct MetadataOptions: ParsableArguments {
    @Flag(help: "Leave owners and groups as they are on the other side.")
    var noOwner = false

    @Flag(help: "Leave extended attributes and ACLs as they are on the other side.")
    var noAttributes = false

    @Flag(name: .customLong("numeric-ids"), help: "Take users and groups by their numbers, and not by their names.")
    var isNumeric = false

    @Flag(help: "Transfer FIFOs and device nodes, which are left out with a note else.")
    var specials = false

    var policy: MetadataPolicy {
        var policy = MetadataPolicy()
        policy.owners = !self.noOwner
        policy.attributes = !self.noAttributes
        policy.isNumeric = self.isNumeric
        policy.specials = self.specials
        return policy
    }
}
