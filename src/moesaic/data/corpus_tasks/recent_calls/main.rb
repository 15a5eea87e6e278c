def recent_calls(times)
  queue = []
  times.map do |time|
    queue.push(time)
    queue.shift while queue.first <= time - 60
    queue.length
  end
end

times = gets.split.map(&:to_i)
puts recent_calls(times)
