def wrap_text(text, width)
  text.split.each_with_object([]) do |word, lines|
    if lines.any? && lines.last.length + word.length < width
      lines.last << " " << word
    else
      lines << word
    end
  end
end

width = gets.to_i
puts wrap_text(gets, width)
