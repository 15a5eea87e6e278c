def text_editor(commands)
  texts = [""]
  commands.each do |command|
    name, argument = command.split
    case name
    when "add"
      texts << texts.last + argument
    when "cut"
      length = [texts.last.length - argument.to_i, 0].max
      texts << texts.last[0, length]
    when "undo"
      texts.pop if texts.length > 1
    end
  end
  texts.last
end

text = text_editor($stdin.readlines)
puts text.empty? ? "empty" : text
