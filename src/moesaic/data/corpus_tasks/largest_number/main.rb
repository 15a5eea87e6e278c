def largest_number(numbers)
  largest = numbers.first
  numbers.each do |number|
    largest = number if number > largest
  end
  largest
end

numbers = gets.split.map(&:to_i)
puts largest_number(numbers)
