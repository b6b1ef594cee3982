import ArgumentParser
import FerryFiles

/// What of a tree is transferred besides its content.
struct MetadataOptions: ParsableArguments {
    @Flag(help: "Do not transfer owners and groups; new and replaced files belong to whom they would anyway.")
    var noOwner = false

    @Flag(help: "Do not transfer extended attributes and ACLs; new and replaced files have none.")
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
