import FerryCommands
@main struct Main { static func main() {} }
