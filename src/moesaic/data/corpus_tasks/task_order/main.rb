require "set"

def task_order(size, pairs)
  order = []
  waiting = (1..size).to_set
  until waiting.empty?
    blocked = pairs.select { |before, _| waiting.include?(before) }.map(&:last)
    task = (waiting - blocked).min
    waiting.delete(task)
    order << task
  end
  order
end

size = gets.to_i
pairs = $stdin.map { |line| line.split.map(&:to_i) }
puts task_order(size, pairs)
