def letter_counts(word)
  counts = Hash.new(0)
  word.each_char { |letter| counts[letter] += 1 }
  counts
end

word = gets.chomp
letter_counts(word).sort.each do |letter, count|
  puts "#{letter} #{count}"
end
