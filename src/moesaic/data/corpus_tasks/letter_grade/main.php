<?php

declare(strict_types=1);

function letterGrade(int $score): string
{
    return match (true) {
        $score >= 90 => 'A',
        $score >= 75 => 'B',
        $score >= 60 => 'C',
        default => 'F',
    };
}

$score = (int) fgets(STDIN);
echo letterGrade($score), PHP_EOL;
