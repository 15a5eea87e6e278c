def bubble_sort(numbers)
  (numbers.length - 1).downto(1) do |last|
    last.times do |i|
      if numbers[i] > numbers[i + 1]
        numbers[i], numbers[i + 1] = numbers[i + 1], numbers[i]
      end
    end
  end
end

numbers = gets.split.map(&:to_i)
bubble_sort(numbers)
puts numbers
