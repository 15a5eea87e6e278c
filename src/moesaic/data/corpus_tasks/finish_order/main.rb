def finish_order(times, turn)
  queue = times.each_with_index.map { |time, index| [index + 1, time] }
  finished = []
  until queue.empty?
    job, time = queue.shift
    if time > turn
      queue.push([job, time - turn])
    else
      finished.push(job)
    end
  end
  finished
end

turn = gets.to_i
times = gets.split.map(&:to_i)
puts finish_order(times, turn)
