def browser_history(commands)
  before = []
  ahead = []
  page = "home"
  commands.map do |command|
    name, target = command.split
    case name
    when "open"
      before.push(page)
      ahead.clear
      page = target
    when "back"
      unless before.empty?
        ahead.push(page)
        page = before.pop
      end
    when "forward"
      unless ahead.empty?
        before.push(page)
        page = ahead.pop
      end
    end
    page
  end
end

puts browser_history($stdin.readlines)
