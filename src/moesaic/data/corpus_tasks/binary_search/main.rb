def binary_search(numbers, target)
  low = 0
  high = numbers.length - 1
  while low <= high
    middle = (low + high) / 2
    return middle if numbers[middle] == target

    if numbers[middle] < target
      low = middle + 1
    else
      high = middle - 1
    end
  end
  -1
end

target = gets.to_i
numbers = gets.split.map(&:to_i)
puts binary_search(numbers, target)
