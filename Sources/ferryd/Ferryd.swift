import FerryCommands

@main
struct Ferryd {
    static func main() async { await Entry.ferryd() }
}
