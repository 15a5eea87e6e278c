Document = Struct.new(:name, :priority)

def printer_queue(commands)
  queue = []
  commands.each do |command|
    action, name, priority = command.split
    if action == "add"
      queue << Document.new(name, priority.to_i)
    elsif queue.empty?
      puts "idle"
    else
      index = queue.each_index.max_by { |i| [queue[i].priority, -i] }
      puts queue.delete_at(index).name
    end
  end
end

printer_queue($stdin.readlines)
