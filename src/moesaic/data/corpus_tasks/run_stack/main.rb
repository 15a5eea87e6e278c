def run_stack(commands)
  stack = []
  commands.each do |command|
    name, value = command.split
    if name == "push"
      stack.push(value.to_i)
    else
      puts stack.empty? ? "empty" : stack.pop
    end
  end
end

run_stack($stdin.readlines)
