<?php

declare(strict_types=1);

function firstUniqueLetter(string $word): string
{
    $letters = str_split($word);
    $counts = array_count_values($letters);
    foreach ($letters as $index => $letter) {
        if ($counts[$letter] === 1) {
            return $letter . ' ' . ($index + 1);
        }
    }
    return 'none';
}

echo firstUniqueLetter(trim(fgets(STDIN))), PHP_EOL;
