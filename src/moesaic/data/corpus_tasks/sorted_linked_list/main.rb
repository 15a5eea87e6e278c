Node = Struct.new(:value, :next)

def sorted_linked_list(commands)
  start = Node.new(nil, nil)
  commands.each do |command|
    name, value = command.split
    value = value.to_i
    before = start
    before = before.next while before.next && before.next.value < value
    if name == "insert"
      before.next = Node.new(value, before.next)
    elsif before.next && before.next.value == value
      before.next = before.next.next
    end
  end
  start.next
end

node = sorted_linked_list($stdin.readlines)
puts "empty" unless node
while node
  print node.value, node.next ? " " : "\n"
  node = node.next
end
