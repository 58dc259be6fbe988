"""Work we hire out: captions, transcripts, answers, speech."""
