def edit_distance(first, second)
  distances = (0..second.length).to_a
  first.each_char.with_index(1) do |letter, i|
    row = [i]
    second.each_char.with_index do |other, j|
      replace = distances[j] + (letter == other ? 0 : 1)
      row << [replace, distances[j + 1] + 1, row[j] + 1].min
    end
    distances = row
  end
  distances.last
end

first = gets.chomp
second = gets.chomp
puts edit_distance(first, second)
