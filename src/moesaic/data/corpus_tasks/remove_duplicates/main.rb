def remove_duplicates(numbers)
  seen = {}
  numbers.select do |number|
    is_new = !seen.key?(number)
    seen[number] = true
    is_new
  end
end

numbers = gets.split.map(&:to_i)
puts remove_duplicates(numbers)
