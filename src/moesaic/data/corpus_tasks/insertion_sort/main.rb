def insertion_sort(numbers)
  (1...numbers.length).each do |i|
    number = numbers[i]
    gap = i
    while gap.positive? && numbers[gap - 1] < number
      numbers[gap] = numbers[gap - 1]
      gap -= 1
    end
    numbers[gap] = number
  end
end

numbers = gets.split.map(&:to_i)
insertion_sort(numbers)
puts numbers
