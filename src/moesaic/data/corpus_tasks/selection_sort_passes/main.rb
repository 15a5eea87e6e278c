def selection_sort_passes(numbers)
  (0...numbers.size - 1).each do |start|
    smallest = (start...numbers.size).min_by { |i| [numbers[i], i] }
    numbers[start], numbers[smallest] = numbers[smallest], numbers[start]
    puts numbers.join(" ")
  end
end

selection_sort_passes(gets.split.map(&:to_i))
