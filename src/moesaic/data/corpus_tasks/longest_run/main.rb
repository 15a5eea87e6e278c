def longest_run(word)
  runs = word.chars.chunk_while { |left, right| left == right }
  runs.max_by(&:size)
end

run = longest_run(gets.chomp)
puts "#{run.first} #{run.size}"
